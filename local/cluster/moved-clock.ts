import type { WorldClock } from "../clock.ts";

/** From this real moment on the world is that far ahead of it. */
export interface Move {
  readonly at: number;
  readonly aheadMs: number;
}

/**
 * Real time, and what it was moved ahead. A real cluster cannot be moved along: it stamps what it does with real time, and while the
 * world jumps nothing happens in it. So its moments are told in the world's time by how far ahead the world was *then*, as if the
 * cluster had slept through each jump. What it would have done meanwhile (a deadline, a back-off, an expiry) it does later.
 */
export interface MovedClock extends WorldClock {
  /** A moment of the cluster's, in the world's time. */
  worldTime(realMs: number): number;
  /** The earliest moment of the cluster's that is not before this one of the world; whole seconds, as the cluster stamps. */
  realTime(worldMs: number): number;
  close(): void;
}

/** Node's own limit; a timer that is due later is armed again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Timer {
  dueAt: number;
  readonly callback: () => void;
  /** null: once. */
  readonly everyMs: number | null;
}

/** @param moves as an earlier clock left them; @param onMove is told all of them after each one */
export function createMovedClock(moves: Move[], onMove: (moves: readonly Move[]) => void): MovedClock {
  const timers = new Map<number, Timer>();
  let lastHandle = 0;
  let armed: NodeJS.Timeout | undefined;

  const aheadAt = (realMs: number): number => moves.findLast(({ at }) => at <= realMs)?.aheadMs ?? 0;
  const nowMs = (): number => Date.now() + (moves.at(-1)?.aheadMs ?? 0);

  function moveTo(worldMs: number): void {
    const at = Date.now();
    const aheadMs = worldMs - at;
    if (aheadMs <= (moves.at(-1)?.aheadMs ?? 0)) return;
    if (moves.at(-1)?.at === at) moves.pop();
    moves.push({ at, aheadMs });
  }

  function next(): [number, Timer] | undefined {
    return [...timers].sort(([a, one], [b, other]) => one.dueAt - other.dueAt || a - b)[0];
  }

  function fire(handle: number, timer: Timer): void {
    if (timer.everyMs === null) timers.delete(handle);
    else timer.dueAt += timer.everyMs;
    timer.callback();
  }

  function arm(): void {
    clearTimeout(armed);
    const [, timer] = next() ?? [];
    if (timer === undefined) return;
    armed = setTimeout(fireDue, Math.min(Math.max(0, timer.dueAt - nowMs()), LONGEST_TIMER_MS));
  }

  function fireDue(): void {
    for (let due = next(); due !== undefined && due[1].dueAt <= nowMs(); due = next()) fire(...due);
    arm();
  }

  function add(callback: () => void, delayMs: number, everyMs: number | null): number {
    timers.set(++lastHandle, { callback, dueAt: nowMs() + delayMs, everyMs });
    arm();
    return lastHandle;
  }

  function clear(handle: number): void {
    timers.delete(handle);
    arm();
  }

  return {
    nowMs,
    setTimeout: (callback, delayMs) => add(callback, delayMs, null),
    clearTimeout: clear,
    setInterval: (callback, intervalMs) => add(callback, intervalMs, intervalMs),
    clearInterval: clear,
    step(ms) {
      const end = nowMs() + ms;
      for (let due = next(); due !== undefined && due[1].dueAt <= end; due = next()) {
        moveTo(due[1].dueAt);
        fire(...due);
      }
      moveTo(end);
      onMove(moves);
      arm();
    },
    // A stamp of a whole second stands for all of it: what was written right after a jump is not from before it.
    worldTime: (realMs) => realMs + aheadAt(realMs % 1000 === 0 ? realMs + 999 : realMs),
    realTime(worldMs) {
      const spans = [{ at: Number.NEGATIVE_INFINITY, aheadMs: 0 }, ...moves];
      const index = spans.findIndex(({ aheadMs }, i) => worldMs - aheadMs < (spans[i + 1]?.at ?? Infinity));
      const { at, aheadMs } = spans[index] ?? { at: Number.NEGATIVE_INFINITY, aheadMs: 0 };
      return Math.floor(Math.max(worldMs - aheadMs, at) / 1000) * 1000;
    },
    close() {
      clearTimeout(armed);
      timers.clear();
    },
  };
}
