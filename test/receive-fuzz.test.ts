import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Reading } from "../src/core/event-message.ts";
import {
  checkRun,
  checkSuite,
  comment,
  deliver,
  installationRepositories,
  mergeGroup,
  ownRun,
  pullRequest,
  push,
  status,
} from "./core/event-fixture.ts";
import { bytes, delivery, json, knock, opened } from "./receive-fixture.ts";

const seeds: readonly (readonly [event: string, payload: unknown])[] = [
  ["pull_request", pullRequest("edited", { changes: { base: {} } })],
  ["push", push()],
  ["check_run", checkRun("completed")],
  ["check_run", ownRun("requested_action", "env/12/staging@4", { requested_action: { identifier: "approve" } })],
  ["check_suite", checkSuite("completed")],
  ["status", status()],
  ["issue_comment", comment("/rollback staging")],
  ["merge_group", mergeGroup("checks_requested")],
  ["installation_repositories", installationRepositories([{ id: 12, full_name: "acme/shop" }])],
];

const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -0,
    1e308,
    2 ** 53,
    -1,
    0.5,
    "",
    "__proto__",
    "constructor",
    "\u0000",
    "../..",
    "%2f",
    "x".repeat(10_000),
    [],
    {},
    [[]],
    JSON.parse('{"__proto__":{"id":1}}'),
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Replaces, removes or adds a field somewhere below; `turns` picks the way down. */
function mutate(value: unknown, turns: readonly number[], replacement: unknown): unknown {
  const [turn = 0, ...rest] = turns;
  if (typeof value !== "object" || value === null || rest.length === 0) return replacement;
  const keys = Object.keys(value);
  const key = keys[turn % (keys.length + 1)];
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? mutate(item, rest, replacement) : item));
  if (key === undefined) return { ...value, [`added${turn}`]: replacement };
  return Object.fromEntries(
    Object.entries(value).map(([k, item]) => [k, k === key ? mutate(item, rest, replacement) : item]),
  );
}

const mutated = fc
  .tuple(fc.constantFrom(...seeds), fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }), hostile)
  .map(([[event, payload], turns, replacement]) => ({ event, payload: mutate(payload, turns, replacement) }));

/** What must not be in a message, or in the reason why there is none. */
function faults(reading: Reading): string[] {
  if (reading.kind !== "messages") return reading.because.length < 200 ? [] : [reading.because];
  const texts = reading.messages.map((message) => JSON.stringify(message));
  return texts.filter((text) => text.length >= 2048 || /:\/\/|\\u00|\\n/.test(text));
}

describe("whatever a payload holds", () => {
  test("5,000 of them are understood, ignored or refused, in messages that are small and carry no URL", () => {
    fc.assert(
      fc.property(mutated, ({ event, payload }) => {
        expect(faults(deliver(event, payload))).toEqual([]);
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 5000 },
    );
  });

  test("the door answers, and never with a 5xx", async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async ({ event, payload }) => {
        const { status } = await knock(delivery(json(payload), { event }));
        expect([202, 400]).toContain(status);
      }),
      { numRuns: 1000 },
    );
  });

  test("signed bytes that are hardly JSON are answered too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(opened.length - 1), fc.nat(255), async (at, byte) => {
        const body = opened.map((old, i) => (i === at ? byte : old));
        expect([202, 400]).toContain((await knock(delivery(body))).status);
      }),
      { numRuns: 2000 },
    );
  });

  test("one turned bit of what was signed is refused, wherever it is", async () => {
    const { headers } = delivery();
    await fc.assert(
      fc.asyncProperty(fc.nat(opened.length * 8 - 1), async (bit) => {
        const body = opened.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(await knock({ method: "POST", headers, body })).toMatchObject({ status: 401, sent: [] });
      }),
      { numRuns: 2000 },
    );
  });
});

test.each<[title: string, body: string]>([
  ["a hundred thousand objects deep", '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)],
  ["two hundred thousand keys", `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":0`).join()}}`],
  ["a number of a million digits", `{"number":${"9".repeat(1_000_000)}}`],
  ["a million backslashes", `{"action":"${"\\\\".repeat(1_000_000)}"}`],
])("a body of %s is refused in no time", async (_, body) => {
  const started = performance.now();
  expect(await knock(delivery(bytes(body)))).toMatchObject({ status: 400, sent: [] });
  // Generous: what it catches is a cost that grows with the square of the body.
  expect(performance.now() - started).toBeLessThan(10_000);
});
