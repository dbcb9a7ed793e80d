import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSqsQueue } from "../../src/adapters/queue-sqs.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import { systemClock } from "../../src/clock.ts";
import { staging } from "../core/decision-fixture.ts";
import { type AwsAsked, type AwsStub, startAwsStub } from "./aws-stub.ts";
import { look } from "./queue-suite.ts";

const prefix = "https://sqs.eu-west-1.amazonaws.com/123456789012/proa";
let aws: AwsStub;
let queue: Queue;
beforeEach(async () => {
  aws = await startAwsStub();
  queue = createSqsQueue({ prefix, env: aws.env, clock: systemClock });
  aws.answer(allTaken);
});
afterEach(() => aws.close());

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
  readonly DelaySeconds?: number;
}
const entriesOf = ({ parameters }: AwsAsked) => parameters["Entries"] as readonly Entry[];
const allTaken = (asked: AwsAsked) => ({
  body: { Successful: entriesOf(asked).map(({ Id }) => ({ Id, MessageId: `m${Id}`, MD5OfMessageBody: "" })) },
});
const sent = () =>
  aws.asked.flatMap((asked) => entriesOf(asked).map((entry) => ({ url: asked.parameters["QueueUrl"], ...entry })));
describe("the deployer's queue", () => {
  test("takes a message in its group, under the id it is known again by", async () => {
    await queue.send(look("d1"), "preview/12/7", "d1:preview/12/7");
    expect(sent()).toEqual([
      {
        url: `${prefix}-deployer.fifo`,
        Id: "0",
        MessageBody: JSON.stringify(look("d1")),
        MessageGroupId: "preview/12/7",
        MessageDeduplicationId: "d1:preview/12/7",
      },
    ]);
  });

  test("takes what is sent at once in one call, in its order", async () => {
    await Promise.all(["d1", "d2", "d3"].map((delivery) => queue.send(look(delivery), "g", delivery)));
    expect(aws.asked.map(({ target }) => target)).toEqual(["AmazonSQS.SendMessageBatch"]);
    expect(sent().map((entry) => entry.MessageDeduplicationId)).toEqual(["d1", "d2", "d3"]);
  });

  test("takes ten with one call, and the eleventh after them, so that a group keeps its order", async () => {
    const deliveries = Array.from({ length: 21 }, (_, index) => `d${index}`);
    await Promise.all(deliveries.map((delivery) => queue.send(look(delivery), "g", delivery)));
    expect(aws.asked.map((asked) => entriesOf(asked).length)).toEqual([10, 10, 1]);
    expect(sent().map((entry) => entry.MessageDeduplicationId)).toEqual(deliveries);
  });

  test("tells each message whether it was taken", async () => {
    aws.answer({
      body: {
        Successful: [{ Id: "0" }],
        Failed: [
          { Id: "1", Code: "InternalError", Message: "try again", SenderFault: false },
          { Id: "2", Code: "InvalidMessageContents", Message: "not with us", SenderFault: true },
          { Id: "3", Code: "RequestThrottled", Message: "slower", SenderFault: true },
        ],
      },
    });
    const results = await Promise.allSettled(["d0", "d1", "d2", "d3", "d4"].map((d) => queue.send(look(d), d, d)));
    const url = `${prefix}-deployer.fifo`;
    expect(results).toMatchObject([
      { status: "fulfilled" },
      {
        reason: {
          problem: {
            code: "unavailable",
            retryable: true,
            detail: `sqs SendMessageBatch to ${url}: InternalError try again`,
          },
        },
      },
      {
        reason: {
          problem: {
            code: "invalid",
            retryable: false,
            detail: `sqs SendMessageBatch to ${url}: InvalidMessageContents not with us`,
          },
        },
      },
      { reason: { problem: { code: "rate-limited", retryable: true } } },
      // It was not even mentioned.
      { reason: { problem: { code: "unavailable", retryable: true } } },
    ]);
  });

  test("refuses all of what one call carried, when the call is refused", async () => {
    aws.answer({ status: 400, body: { __type: "com.amazonaws.sqs#BatchRequestTooLong", message: "262144" } });
    const results = await Promise.allSettled(["d0", "d1"].map((d) => queue.send(look(d), d, d)));
    const refused = {
      reason: {
        problem: {
          code: "invalid",
          retryable: false,
          detail: "sqs SendMessageBatch failed with BatchRequestTooLong: 262144",
        },
      },
    };
    expect(results).toMatchObject([refused, refused]);
  });

  test("goes on after a failure", async () => {
    aws.answer({ status: 400, body: { __type: "AccessDenied" } }, allTaken);
    await expect(queue.send(look("d0"), "g", "d0")).rejects.toThrow("AccessDenied");
    await queue.send(look("d1"), "g", "d1");
    expect(sent()).toHaveLength(2);
  });

  test.each<[title: string, text: string]>([
    ["too long", "image/registry.example/".padEnd(129, "x")],
    ["with a blank", "a b"],
    ["of another script", "bräu"],
    ["empty", ""],
  ])("takes an id that is %s by its hash, the same for the same", async (_, text) => {
    for (const times of [text, text, `${text}x`]) await queue.send(look("d"), times, times);
    const ids = sent().map((entry) => [entry.MessageGroupId, entry.MessageDeduplicationId]);
    expect(ids[0]).toEqual(ids[1]);
    expect(new Set(ids.flat())).toHaveLength(2);
    expect(ids.flat().filter((id) => !/^[!-~]{1,128}$/.test(id ?? ""))).toEqual([]);
  });

  test("takes any text that JSON can carry, also what SQS does not let through", async () => {
    const odd = { ...look("d"), because: "\u0000 \u0085 \ud800 \ufffe \uffff ü 🚀" };
    await queue.send(odd, "g", "d");
    const [entry] = sent();
    expect(entry?.MessageBody).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
    expect(JSON.parse(entry?.MessageBody ?? "")).toEqual(odd);
  });
});

describe("the ordinary queue", () => {
  test("holds a tick as long as it was asked to, in whole seconds and never less", async () => {
    await queue.tick(staging, 4, 0);
    await queue.tick(staging, 5, 1_001);
    await queue.tick(staging, 6, 900_000);
    expect(sent()).toMatchObject([{ DelaySeconds: 0 }, { DelaySeconds: 2 }, { DelaySeconds: 900 }]);
    expect(sent()[0]).toEqual({
      url: `${prefix}-tick`,
      Id: "0",
      MessageBody: JSON.stringify({ v: 1, kind: "tick", target: staging, n: 4 }),
      DelaySeconds: 0,
    });
  });

  test("holds a later report", async () => {
    await queue.report(3, 5_000);
    expect(sent()).toEqual([
      { url: `${prefix}-tick`, Id: "0", MessageBody: '{"v":1,"kind":"report","installation":3}', DelaySeconds: 5 },
    ]);
  });

  test("is not asked for more than its quarter of an hour: whoever waits longer is found by the sweep", async () => {
    await queue.tick(staging, 4, 900_001);
    await queue.report(3, 3_600_000);
    expect(aws.asked).toEqual([]);
  });
});

test("a report at once goes to its installation's group, and each is a message of its own", async () => {
  await queue.report(3, 0);
  await queue.report(3, 0);
  const [first, second] = sent();
  expect(first).toMatchObject({
    url: `${prefix}-reporter.fifo`,
    MessageGroupId: "3",
    MessageBody: '{"v":1,"kind":"report","installation":3}',
  });
  expect(first?.MessageDeduplicationId).not.toBe(second?.MessageDeduplicationId);
});
