import type { Millis } from "./core/names.ts";

/** The only source of time in `src`. Core takes `now` as a value; the local world hands in a clock that tests can move. */
export interface Clock {
  now(): Millis;
}

export const systemClock: Clock = { now: () => Date.now() };
