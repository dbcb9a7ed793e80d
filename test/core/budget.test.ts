import { expect, test } from "vitest";
import { refreshed, spend, waitMs, type WriteBudget } from "../../src/core/budget.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_000 * HOUR;
const full = refreshed(null, NOW);

/** What the budget is after so many writes at that moment; null: it did not allow that many. */
function after(writes: number, budget: WriteBudget | null, now = NOW): WriteBudget | null {
  let left = budget;
  for (let i = 0; i < writes && left !== null; i++) left = spend(refreshed(left, now), now);
  return left;
}

test("80 writes a minute are allowed, and the next waits until the first are a minute old", () => {
  const spent = after(80, full) ?? full;
  expect(spend(spent, NOW)).toBeNull();
  expect(waitMs(spent, NOW + 20_000)).toBe(45_000);
  expect(spend(refreshed(spent, NOW + 64_999), NOW + 64_999)).toBeNull();
  expect(spend(refreshed(spent, NOW + 65_000), NOW + 65_000)).not.toBeNull();
});

test("80 late in one minute leave nothing for the beginning of the next", () => {
  const late = NOW + 55_000;
  const spent = after(80, full, late);
  expect(after(1, spent, NOW + MINUTE + 1_000)).toBeNull();
});

test("500 an hour are allowed, however they are spread", () => {
  let budget: WriteBudget | null = full;
  for (let minute = 0; minute < 10; minute++) budget = after(50, budget, NOW + minute * 2 * MINUTE);
  const late = NOW + 30 * MINUTE;
  const spent = refreshed(budget, late);
  expect(spend(spent, late)).toBeNull();
  expect(waitMs(spent, late)).toBe(31 * MINUTE);
  expect(after(50, budget, NOW + 61 * MINUTE), "the first fifty are an hour old").not.toBeNull();
  expect(after(51, budget, NOW + 61 * MINUTE)).toBeNull();
});

test("several requests at once need room for all of them", () => {
  const spent = after(79, full) ?? full;
  expect(spend(spent, NOW, 2)).toBeNull();
  expect(waitMs(spent, NOW, 2)).toBe(65_000);
  expect(spend(spent, NOW, 1)).not.toBeNull();
});

test("nothing is waited for while there is room", () => {
  expect(waitMs(full, NOW)).toBe(0);
  expect(waitMs(after(79, full) ?? full, NOW)).toBe(0);
});

test("what no longer counts is not kept", () => {
  expect(refreshed(after(80, full), NOW + 2 * HOUR)).toEqual({ minute: [], hour: [] });
});
