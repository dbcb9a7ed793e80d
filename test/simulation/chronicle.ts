import type { Millis } from "../../src/core/names.ts";
import { BEGINNING } from "./kernel.ts";

/** Something that somebody or chance did to the world: a person's action, a fault. All that makes one run differ from a dull one. */
export interface Happening {
  /** The same for the same seed, and as far as possible when other happenings are left out. */
  readonly id: string;
  readonly at: Millis;
  readonly kind: string;
  readonly text: string;
}

export interface Chronicle {
  /** Whether this may happen in this run. */
  allows(id: string): boolean;
  happened(happening: Happening): void;
  /** Both at once. */
  happens(happening: Happening): boolean;
  note(line: string): void;
  readonly happenings: readonly Happening[];
  /** Of every line of the trace, in order. */
  hash(): string;
  readonly lines: readonly string[];
}

/** `only`: the happenings that this run is cut down to; null: all. `keep`: whether the trace itself is wanted, not only its hash. */
export function createChronicle({ only, keep }: { only: ReadonlySet<string> | null; keep: boolean }): Chronicle {
  const happenings: Happening[] = [];
  const lines: string[] = [];
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  const note = (line: string): void => {
    if (keep) lines.push(line);
    for (let i = 0; i < line.length; i++) {
      const unit = line.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 15);
    }
  };
  const allows = (id: string): boolean => only === null || only.has(id);
  const happened = (happening: Happening): void => {
    happenings.push(happening);
    note(`${clockTime(happening.at)} ! ${happening.text}`);
  };
  return {
    allows,
    happened,
    happens(happening) {
      const allowed = allows(happening.id);
      if (allowed) happened(happening);
      return allowed;
    },
    note,
    happenings,
    hash: () => [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join(""),
    lines,
  };
}

/** Hours, minutes, seconds and milliseconds since the world began. */
export function clockTime(at: Millis): string {
  const ms = at - BEGINNING;
  const part = (value: number, width: number): string => `${Math.floor(value)}`.padStart(width, "0");
  return `${part(ms / 3_600_000, 2)}:${part((ms / 60_000) % 60, 2)}:${part((ms / 1000) % 60, 2)}.${part(ms % 1000, 3)}`;
}
