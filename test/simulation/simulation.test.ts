import { describe, expect, test } from "vitest";
import { clockTime } from "./chronicle.ts";
import { type Run, run } from "./run.ts";
import { shrink } from "./shrink.ts";

/** More of them run with `npm run simulate`. */
const SEEDS = 40;

describe("the world, for many seeds", () => {
  test(`ends as it should, ${SEEDS} times`, { timeout: 600_000 }, async () => {
    const faults = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const each = await run(seed);
      for (const { kind } of each.happenings) faults.add(kind);
      expect(each.violations.length === 0 ? "" : await told(each)).toBe("");
    }
    expect([...faults].sort(), "kinds of things that happened").toEqual(expect.arrayContaining(KINDS));
  });

  test("is the same world again for the same seed, line by line", { timeout: 600_000 }, async () => {
    for (const seed of [6, 27, 33]) {
      const [first, second] = [await run(seed, { keepTrace: true }), await run(seed, { keepTrace: true })];
      expect(second.lines, `seed ${seed}`).toEqual(first.lines);
      expect(second.trace).toBe(first.trace);
      expect([second.events, second.calls, second.messages]).toEqual([first.events, first.calls, first.messages]);
    }
  });

  test("is another world for another seed", async () => {
    const [one, other] = [await run(1), await run(2)];
    expect(one.trace).not.toBe(other.trace);
  });

  test("leaves out of a history what is to be left out", async () => {
    const whole = await run(6);
    const dull = await run(6, { only: new Set() });
    expect(whole.happenings.length).toBeGreaterThan(20);
    expect(dull.happenings).toEqual([]);
  });
});

const KINDS = [
  "action",
  "conflict",
  "delivered late",
  "delivered twice",
  "delivery failed",
  "delivery lost",
  "killed after",
  "killed before",
  "limited",
  "lost answer",
  "lost request",
  "slow",
  "stale",
  "tick late",
  "tick lost",
  "tick twice",
  "unavailable",
];

async function told(failed: Run): Promise<string> {
  const { invariant, detail, history } = await shrink(failed);
  const lines = history.map(({ at, text }) => `  ${clockTime(at)} ${text}`);
  return [`seed ${failed.seed}: ${invariant}`, detail, ...lines].join("\n");
}
