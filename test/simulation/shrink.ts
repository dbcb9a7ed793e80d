import type { Happening } from "./chronicle.ts";
import { type Run, run, type RunOptions } from "./run.ts";

/** A failing run with as little happening in it as still breaks the same invariant. */
export interface Shrunk {
  readonly invariant: string;
  readonly detail: string;
  readonly history: readonly Happening[];
  /** How many runs it took. */
  readonly tried: number;
}

/** Long enough to find most that can be left out; a history that is not the shortest is a history all the same. */
const MOST_TRIES = 250;

const people = (history: readonly Happening[]): string[] =>
  history.filter(({ kind }) => kind === "action").map(({ id }) => id);
const chance = (history: readonly Happening[]): string[] =>
  history.filter(({ kind }) => kind !== "action").map(({ id }) => id);

/**
 * Leaves out ever smaller parts of what happened, as long as the same invariant is broken (Zeller's ddmin). What happens later may change when
 * something earlier is left out; then the run simply is another one, and counts if it fails alike.
 */
export async function shrink(failed: Run, options: RunOptions = {}): Promise<Shrunk> {
  const [violation] = failed.violations;
  if (violation === undefined) throw new Error(`seed ${failed.seed} breaks no invariant: there is nothing to shrink`);
  let history = failed.happenings;
  let { detail } = violation;
  let tried = 0;

  async function fails(ids: readonly string[]): Promise<boolean> {
    tried++;
    const again = await run(failed.seed, { ...options, only: new Set(ids) });
    const same = again.violations.find(({ invariant }) => invariant === violation?.invariant);
    if (same === undefined) return false;
    detail = same.detail;
    history = again.happenings;
    return true;
  }

  // Most failures need people or faults, not both.
  for (const kept of [people, chance]) {
    const ids = kept(history);
    if (ids.length < history.length) await fails(ids);
  }
  for (let size = Math.ceil(history.length / 2); tried < MOST_TRIES; size = Math.ceil(size / 2)) {
    // From the end, so that what is left out changes as little as can be of what is kept.
    for (let from = history.length - size; from > -size && tried < MOST_TRIES; from -= size) {
      const ids = history.map(({ id }) => id);
      await fails([...ids.slice(0, Math.max(0, from)), ...ids.slice(from + size)]);
    }
    if (size === 1) break;
  }
  return { invariant: violation.invariant, detail, history, tried };
}
