import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createMovedClock, type Move } from "../../local/cluster/moved-clock.ts";

/** A real moment; the clocks below are at it until they are moved, or the real time is. */
const NOON = Date.parse("2026-11-22T12:00:00.000Z");
const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers({ now: NOON }));
afterEach(() => void vi.useRealTimers());

const clockOf = (moves: Move[] = []) => createMovedClock(moves, () => undefined);

test("it runs with real time, ahead of it by as much as it was moved", () => {
  const clock = clockOf();
  expect(clock.nowMs()).toBe(NOON);
  clock.step(5 * MINUTE);
  vi.setSystemTime(NOON + 1_000);
  expect(clock.nowMs()).toBe(NOON + 5 * MINUTE + 1_000);
});

test("timers fire in order on the way, each at its own time", () => {
  const clock = clockOf();
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name} ${(clock.nowMs() - NOON) / 1000}`);
  clock.setTimeout(note("late"), 30_000);
  clock.setInterval(note("tick"), 20_000);
  clock.clearTimeout(clock.setTimeout(note("never"), 10_000));
  clock.setTimeout(() => clock.setTimeout(note("made on the way"), 5_000), 1_000);
  clock.step(45_000);
  expect(fired).toEqual(["made on the way 6", "tick 20", "late 30", "tick 40"]);
});

test("timers fire in real time as well", async () => {
  const clock = clockOf();
  clock.step(MINUTE);
  const fired: number[] = [];
  clock.setTimeout(() => fired.push(clock.nowMs() - NOON), 2_000);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(fired).toEqual([MINUTE + 2_000]);
});

test("what it was moved by survives a restart", () => {
  let saved: readonly Move[] = [];
  createMovedClock([], (moves) => (saved = moves)).step(MINUTE);
  expect(clockOf([...saved]).nowMs()).toBe(NOON + MINUTE);
});

test("the cluster's moments are told in the time the world had then, as if the cluster had slept through each jump", () => {
  const clock = clockOf();
  const before = NOON - 10_000;
  vi.setSystemTime(NOON + 500);
  clock.step(5 * MINUTE);
  vi.setSystemTime(NOON + 20_000);
  clock.step(10 * MINUTE);
  expect(clock.worldTime(before)).toBe(before);
  expect(clock.worldTime(NOON + 10_000)).toBe(NOON + 10_000 + 5 * MINUTE);
  expect(clock.worldTime(NOON + 25_000)).toBe(NOON + 25_000 + 15 * MINUTE);
});

test("a stamp of the second in which the world jumped is from after the jump, never from long before it", () => {
  const clock = clockOf();
  vi.setSystemTime(NOON + 400);
  clock.step(5 * MINUTE);
  vi.setSystemTime(NOON + 800); // the cluster stamps this moment NOON
  expect(clock.nowMs() - clock.worldTime(NOON)).toBe(800);
});

test("a moment of the world, asked of the cluster, leaves nothing out that came after it", () => {
  const clock = clockOf();
  vi.setSystemTime(NOON + 400);
  clock.step(5 * MINUTE);
  vi.setSystemTime(NOON + 7_300);
  expect(clock.realTime(clock.nowMs())).toBe(NOON + 7_000);
  // In the middle of the jump nothing happened in the cluster: what came next did so right after it.
  expect(clock.realTime(NOON + 2 * MINUTE)).toBe(NOON);
  expect(clock.realTime(NOON - 3_000)).toBe(NOON - 3_000);
});
