import { expect, test } from "vitest";
import { refreshed, spend, waitMs, type WriteBudget } from "../../src/core/budget.ts";

const NOW = 1_000_000;
const full = refreshed(null, NOW);

/** What is left after so many writes; null: the budget did not allow that many. */
function after(writes: number, budget: WriteBudget): WriteBudget | null {
  let left: WriteBudget | null = budget;
  for (let i = 0; i < writes && left !== null; i++) left = spend(left);
  return left;
}

test("GitHub's limits are where it begins: 80 writes a minute, 500 an hour", () => {
  expect(full).toEqual({ minute: { left: 80, at: NOW }, hour: { left: 500, at: NOW } });
});

test("the eighty-first write of a minute waits for the next minute", () => {
  const spent = after(80, full);
  expect(after(81, full)).toBeNull();
  expect(spent === null ? null : waitMs(spent, NOW + 20_000)).toBe(40_000);
});

test("a new minute begins full, and takes its writes from the same hour", () => {
  const spent = after(80, full) ?? full;
  expect(refreshed(spent, NOW + 59_999)).toEqual(spent);
  expect(refreshed(spent, NOW + 60_000)).toEqual({
    minute: { left: 80, at: NOW + 60_000 },
    hour: { left: 420, at: NOW },
  });
});

test("the hour's end is waited for once the hour is spent, whatever the minute has", () => {
  const spent: WriteBudget = { minute: { left: 80, at: NOW }, hour: { left: 0, at: NOW } };
  expect(spend(spent)).toBeNull();
  expect(waitMs(spent, NOW + 60_000)).toBe(59 * 60_000);
  expect(refreshed(spent, NOW + 3_600_000).hour).toEqual({ left: 500, at: NOW + 3_600_000 });
});

test("nothing is waited for while both have something left", () => {
  expect(waitMs(full, NOW)).toBe(0);
});
