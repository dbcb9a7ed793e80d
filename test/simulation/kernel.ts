import type { Millis } from "../../src/core/names.ts";
import { chance } from "../journeys/chance.ts";
import type { Sim } from "./sim.ts";

/** The simulation's time: whatever happens is an event at a moment, and between two events every promise has gone as far as it can. */
export interface Kernel extends Sim {
  /** A model's own dice: what one model draws does not change what another one sees. */
  sim(name: string): Sim;
  /** Runs every event up to that moment, in order. Rejects with what an event threw: a bug of the simulation itself. */
  runUntil(at: Millis): Promise<void>;
  readonly events: number;
}

interface Event {
  readonly at: Millis;
  /** Events of one moment happen in the order in which they were planned. */
  readonly seq: number;
  readonly what: string;
  readonly run: () => void;
}

/** 2026-01-01T00:00:00Z: virtual time begins where dates look like dates. */
export const BEGINNING: Millis = 1_767_225_600_000;

/** Turns of the event loop are dear, immediates within one turn are cheap, and promises settle after each of them. */
const IMMEDIATES_A_TURN = 128;

export function createKernel({ seed, note }: { seed: number; note: (line: string) => void }): Kernel {
  const heap: Event[] = [];
  let now = BEGINNING;
  let seq = 0;
  let events = 0;

  const at = (delayMs: number, what: string, run: () => void): void =>
    push(heap, { at: now + Math.max(0, Math.round(delayMs)), seq: seq++, what, run });
  const sim = (name: string): Sim => ({ now: () => now, draw: chance(mix(seed, textHash(name))), at, note });

  return {
    ...sim("kernel"),
    sim,
    runUntil: (end) =>
      new Promise((resolve, reject) => {
        let over = false;
        const step = (): void => {
          if (over) return;
          const next = heap[0];
          if (next === undefined || next.at > end) {
            over = true;
            now = Math.max(now, end);
            resolve();
            return;
          }
          pop(heap);
          now = next.at;
          events++;
          try {
            next.run();
          } catch (error) {
            over = true;
            reject(new Error(`the simulation broke at ${next.what}`, { cause: error }));
          }
        };
        const turn = (): void => {
          if (over) return;
          for (let i = 0; i < IMMEDIATES_A_TURN; i++) setImmediate(step);
          setImmediate(turn);
        };
        turn();
      }),
    get events() {
      return events;
    },
  };
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq);

function push(heap: Event[], event: Event): void {
  let index = heap.push(event) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (a === undefined) break;
    const smaller = b !== undefined && isBefore(b, a) ? b : a;
    if (!isBefore(smaller, last)) break;
    heap[index] = smaller;
    index = smaller === a ? left : left + 1;
  }
  heap[index] = last;
}

/** 32 bits of a text (FNV-1a). */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** 32 well-mixed bits of two numbers (murmur3's finalizer). */
export function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 15), 0xc2b2ae35) ^ b;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** A number in [0, 1) for one question about one thing, the same whenever it is asked. */
export const lot = (seed: number, thing: number, question: number): number =>
  mix(mix(seed, thing), question + 1) / 4_294_967_296;
