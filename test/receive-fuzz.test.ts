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
import { mutationOf, runs } from "./properties/arbitrary.ts";
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

const mutated = fc
  .constantFrom(...seeds)
  .chain(([event, payload]) => mutationOf(payload).map((changed) => ({ event, payload: changed })));

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
      runs(5_000),
    );
  });

  test("the door answers, and never with a 5xx", async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async ({ event, payload }) => {
        const { status } = await knock(delivery(json(payload), { event }));
        expect([202, 400]).toContain(status);
      }),
      runs(1_000),
    );
  });

  test("signed bytes that are hardly JSON are answered too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(opened.length - 1), fc.nat(255), async (at, byte) => {
        const body = opened.map((old, i) => (i === at ? byte : old));
        // 401: no longer UTF-8.
        expect([202, 400, 401]).toContain((await knock(delivery(body))).status);
      }),
      runs(2_000),
    );
  });

  test("one turned bit of what was signed is refused, wherever it is", async () => {
    const { headers } = delivery();
    await fc.assert(
      fc.asyncProperty(fc.nat(opened.length * 8 - 1), async (bit) => {
        const body = opened.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(await knock({ method: "POST", headers, body })).toMatchObject({ status: 401, sent: [] });
      }),
      runs(2_000),
    );
  });
});

test.each<[title: string, body: string]>([
  ["a hundred thousand objects deep", '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)],
  ["two hundred thousand keys", `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":0`).join()}}`],
  ["a number of a million digits", `{"number":${"9".repeat(1_000_000)}}`],
  ["a million backslashes", `{"action":"${"\\\\".repeat(1_000_000)}"}`],
  ["a million opening brackets", "[".repeat(1_000_000)],
  ["six megabytes of one text", `{"action":"${"x".repeat(6 * 1024 * 1024 - 13)}"}`],
])("a body of %s is refused", async (_, body) => {
  expect(await knock(delivery(bytes(body)))).toMatchObject({ status: 400, sent: [] });
});

test.each<[title: string, more: string]>([
  ["ten thousand lists deep", `${"[".repeat(10_000)}${"]".repeat(10_000)}`],
  ["a hundred thousand objects deep", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
  ["a number of a million digits", "9".repeat(1_000_000)],
  ["two megabytes long", `"${"x".repeat(2 * 1024 * 1024)}"`],
  ["a prototype", '{"__proto__":{"number":6,"installation":{"id":1}}}'],
])("a field beside the others that is %s changes nothing of what is understood", async (_, more) => {
  const body = bytes(Buffer.from(opened).toString().replace(/}$/, `,"more":${more},"__proto__":${more}}`));
  const { sent } = await knock(delivery(body));
  expect(sent).toEqual((await knock(delivery())).sent);
});
