import type { RepoConfig } from "./core/config.ts";
import { type Target, targetId } from "./core/names.ts";
import type { Known } from "./record.ts";

/**
 * What this process last knew of the targets it worked on: a guess by which the next event's reads begin before the record has been
 * read. Believed only where the record turns out to be the same, so that a process that missed something loses a read, no more.
 */
export interface Recent {
  of(target: Target): Remembered | null;
  /** Written by every `record`. */
  knew(known: Known): void;
  /** What the last gather made of `.proa.yml`; it says which images will be asked for. */
  configured(target: Target, config: RepoConfig): void;
}

export interface Remembered {
  readonly known: Known;
  readonly config: RepoConfig | null;
}

/** A process sees far fewer between two of one target's events. */
const MOST = 200;

export function createRecent(): Recent {
  const remembered = new Map<string, Remembered>();

  function put(id: string, value: Remembered): void {
    remembered.delete(id);
    remembered.set(id, value);
    const [oldest] = remembered.keys();
    if (remembered.size > MOST && oldest !== undefined) remembered.delete(oldest);
  }

  return {
    of: (target) => remembered.get(targetId(target)) ?? null,
    knew(known) {
      const id = targetId(known.state.target);
      put(id, { known, config: remembered.get(id)?.config ?? null });
    },
    configured(target, config) {
      const id = targetId(target);
      const before = remembered.get(id);
      if (before !== undefined) put(id, { ...before, config });
    },
  };
}
