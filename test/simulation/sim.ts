import type { Millis } from "../../src/core/names.ts";

/**
 * What a model of the outside (GitHub, a cluster, a registry) knows of the simulation it lives in: the time, the dice, and how
 * to have something happen later. Nothing else may make two runs of one seed differ: no `Date`, no `Math.random`, no iteration
 * over anything unordered.
 */
export interface Sim {
  now(): Millis;
  /** The next number of the seed's sequence, in [0, 1). */
  draw(): number;
  /** Runs `run` when the virtual clock has moved on by `delayMs`. Never before the current step is over. */
  at(delayMs: number, what: string, run: () => void): void;
  /** One line of the trace. It is part of what the same seed repeats byte for byte. */
  note(line: string): void;
}

/** A model answers at once; the kernel turns each method into an outside call with latency, faults and staleness. */
export type Sync<T> = {
  [K in keyof T]: T[K] extends (...parameters: infer A) => Promise<infer R> ? (...parameters: A) => R : T[K];
};
