import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { expect, inject, test, vi } from "vitest";
import type { QueuedMessage, QueueName } from "../../src/adapters/queue-sqlite.ts";
import { createSqsQueue } from "../../src/adapters/queue-sqs.ts";
import { systemClock } from "../../src/clock.ts";
import { describeQueue, look } from "../adapters/queue-suite.ts";
import { staging } from "../core/decision-fixture.ts";
import { clientOptions } from "./ministack.ts";

const aws = inject("aws");
const env = { ...aws };
const sqs = new SQSClient(clientOptions(aws));

/** Longer than any test takes: a message comes back when the test's clock says so, and is made visible then. */
const VISIBILITY_S = 600;
const taken = new Map<string, { readonly url: string; until: number }>();

describeQueue("SQS", async (name, now) => {
  const prefix = await createQueues(`suite-${name}`);
  const visible = async (ReceiptHandle: string): Promise<void> => {
    const QueueUrl = taken.get(ReceiptHandle)?.url;
    const command = new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
    await sqs.send(command).catch(onlyStale);
  };

  return {
    queue: createSqsQueue({ prefix, env, clock: systemClock }),
    visibilityMs: VISIBILITY_S * 1_000,
    async receive(from, max) {
      const messages: QueuedMessage[] = [];
      while (messages.length < max) {
        const message = await receiveOne(urlOf(prefix, from));
        if (message === null) break;
        taken.set(message.receipt, { url: urlOf(prefix, from), until: now() + VISIBILITY_S * 1_000 });
        messages.push(message);
      }
      return messages;
    },
    async delete(ReceiptHandle) {
      const QueueUrl = taken.get(ReceiptHandle)?.url;
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle })).catch(onlyStale);
    },
    async release(receipt, delayMs) {
      const message = taken.get(receipt);
      if (delayMs === 0) await visible(receipt);
      else if (message !== undefined) message.until = now() + delayMs;
    },
    async timePassed() {
      for (const [receipt, { url, until }] of taken)
        if (url.startsWith(`${prefix}-`) && until <= now()) await visible(receipt);
    },
    async deadLetters() {
      const letter = await receiveOne(`${prefix}-deployer-dead.fifo`);
      return letter === null ? [] : [{ queue: "deployer", ...letter }];
    },
    close: async () => undefined,
  };
});

test("a tick for later is held, and comes when its time has come", async () => {
  const prefix = await createQueues("delays");
  const queue = createSqsQueue({ prefix, env, clock: systemClock });
  await queue.tick(staging, 3, 900_000);
  await queue.tick(staging, 4, 1_000);
  const url = urlOf(prefix, "tick");
  const message = await vi.waitUntil(() => receiveOne(url), { timeout: 60_000, interval: 200 });
  expect(JSON.parse(message.body)).toMatchObject({ n: 4 });
  const names = ["ApproximateNumberOfMessagesDelayed"] as const;
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] }));
  expect(Attributes).toEqual({ ApproximateNumberOfMessagesDelayed: "1" });
});

test("a message that SQS will not take is refused with its reason, and its neighbours are taken", async () => {
  const prefix = await createQueues("refusals", { MaximumMessageSize: "1024" });
  const queue = createSqsQueue({ prefix, env, clock: systemClock });
  const large = { ...look("large"), because: "x".repeat(1_024) };
  const results = await Promise.allSettled([
    queue.send(look("small"), "a", "small"),
    queue.send(large, "b", "large"),
    queue.send(look("other"), "c", "other"),
  ]);
  expect(results).toMatchObject([
    { status: "fulfilled" },
    { reason: { problem: { code: "invalid", retryable: false, detail: expect.stringContaining("1024") as string } } },
    { status: "fulfilled" },
  ]);
});

test("a queue that is not there is named", async () => {
  const queue = createSqsQueue({ prefix: `${env.AWS_ENDPOINT_URL}/111122223333/nowhere`, env, clock: systemClock });
  await expect(queue.report(1, 0)).rejects.toThrow(
    /sqs SendMessageBatch failed with .*(NonExistentQueue|QueueDoesNotExist)/,
  );
});

const urlOf = (prefix: string, name: QueueName): string => `${prefix}-${name}${name === "tick" ? "" : ".fifo"}`;

/** As infra/deployer.yaml makes them, where it matters here; what exists is left as it is. */
async function createQueues(stack: string, attributes: Record<string, string> = {}): Promise<string> {
  const create = async (name: string, more: Record<string, string>): Promise<string> => {
    const fifo = name.endsWith(".fifo") ? { FifoQueue: "true" } : {};
    const Attributes = { ...fifo, VisibilityTimeout: `${VISIBILITY_S}`, ...attributes, ...more };
    const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: `${stack}-${name}`, Attributes }));
    return QueueUrl;
  };
  const arn = async (QueueUrl: string): Promise<string | undefined> => {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
    return Attributes?.QueueArn;
  };
  const dead = await arn(await create("deployer-dead.fifo", {}));
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead, maxReceiveCount: 5 });
  await create("deployer.fifo", { RedrivePolicy });
  await create("reporter.fifo", {});
  return (await create("tick", {})).replace(/-tick$/, "");
}

/** One at a time, as the function's event source does: of more, several may be of one group. */
async function receiveOne(QueueUrl: string): Promise<QueuedMessage | null> {
  const { Messages: [message] = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 1, MessageSystemAttributeNames: ["All"] }),
  );
  if (message === undefined) return null;
  const { MessageId: id = "", ReceiptHandle: receipt = "", Body: body = "", Attributes = {} } = message;
  const { MessageGroupId: group = "", ApproximateReceiveCount: receives } = Attributes;
  return { id, receipt, group, body, receives: Number(receives) };
}

/** A receipt of a message that is another's by now does nothing, and SQS says so. */
function onlyStale(error: unknown): void {
  const stale = ["ReceiptHandleIsInvalid", "InvalidParameterValue"];
  if (!(error instanceof Error) || !stale.includes(error.name)) throw error;
}
