import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dedupId, groupOf } from "../../src/core/message-ids.ts";
import type { Reading } from "../../src/core/event-message.ts";
import { parseMessage } from "../../src/core/message-parse.ts";
import { deliver } from "../core/event-fixture.ts";
import { delivery, json, knock } from "../receive-fixture.ts";
import { mutationOf, runs } from "./arbitrary.ts";

interface Examples {
  readonly name: string;
  readonly examples: readonly Record<string, unknown>[];
}
const file = fileURLToPath(import.meta.resolve("@octokit/webhooks-examples"));
const published = JSON.parse(readFileSync(file, "utf8")) as readonly Examples[];
const HANDLED =
  "check_run check_suite installation installation_repositories issue_comment merge_group pull_request push status";
const handled = published.filter(({ name }) => HANDLED.split(" ").includes(name));
const otherEvents = [...HANDLED.split(" "), "ping", "constructor", "a".repeat(64)];

/** A published example of GitHub's, changed in one to three places, under its own or another event's name. */
const delivered = fc.constantFrom(...handled).chain(({ name, examples }) =>
  fc.record({
    event: fc.oneof({ weight: 9, arbitrary: fc.constant(name) }, fc.constantFrom(...otherEvents)),
    payload: mutationOf(...examples.map((example) => ({ installation: { id: 2 }, ...example }))),
  }),
);

/** What must be in no message, and no reason. */
function faults(reading: Reading): string[] {
  if (reading.kind !== "messages") return reading.because.length < 200 ? [] : [`a long reason: ${reading.because}`];
  return reading.messages.flatMap((message) => {
    const text = JSON.stringify(message);
    // Refused behind the queue, it would be a dead letter: this throws.
    parseMessage(JSON.parse(text));
    return [
      ...(text.length < 2048 ? [] : ["a large message"]),
      ...(/https?:\/\/|\\u00|\\n/.test(text) ? [`a URL or control character: ${text}`] : []),
      // SQS takes 128 characters for either. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
      ...(groupOf(message).length <= 128 && dedupId(message).length <= 128 ? [] : [`a long id: ${groupOf(message)}`]),
    ];
  });
}

test("20,000 changed examples are understood, ignored or refused; no message is large, carries a URL, or is unreadable behind the queue", () => {
  const tally = { messages: 0, ignored: 0, malformed: 0 };
  fc.assert(
    fc.property(delivered, ({ event, payload }) => {
      const reading = deliver(event, payload);
      tally[reading.kind] += 1;
      expect(faults(reading)).toEqual([]);
    }),
    runs(20_000),
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
  // Or the changes are so coarse, or so fine, that nothing is tried.
  expect(Math.min(...Object.values(tally))).toBeGreaterThan(1_000);
});

test("the door answers 1,000 of them, signed, with 202 or 400", async () => {
  await fc.assert(
    fc.asyncProperty(delivered, async ({ event, payload }) => {
      const { status, sent, log } = await knock(delivery(json(payload), { event }));
      expect([202, 400]).toContain(status);
      expect(status === 400 && sent.length > 0).toBe(false);
      expect(log).toHaveLength(1);
    }),
    runs(1_000),
  );
});
