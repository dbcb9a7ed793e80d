import { createHash } from "node:crypto";
import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { type AwsCall, type AwsEnvironment, createAwsCall, judge } from "./aws-call.ts";
import type { Queue } from "./queue.ts";

export interface SqsOptions {
  /** What the three queues' URLs begin with: `<prefix>-deployer.fifo`, `<prefix>-reporter.fifo`, `<prefix>-tick`. */
  readonly prefix: string;
  readonly env: AwsEnvironment;
  readonly clock: { now(): Millis };
}

/** Three tries are over well before GitHub's ten seconds. */
export const sqsCall = ({ prefix, env, clock }: SqsOptions): AwsCall =>
  createAwsCall({ service: "sqs", endpoint: new URL(prefix).origin, env, clock, timeoutMs: 1_500, attempts: 3 });

/** The deployer's queue alone, which is all that the webhook needs. */
export function sqsDeployerQueue(call: AwsCall, prefix: string): Pick<Queue, "send"> {
  const send = sqsSender(call, `${prefix}-deployer.fifo`);
  return { send: (message, group, dedupId) => send(message, inGroup(group, dedupId)) };
}

/** Of one message beside its body: its group, or its delay. */
export type Attributes = Readonly<Record<string, string | number>>;

export type SqsSend = (body: unknown, attributes: Attributes) => Promise<void>;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MOST_AT_ONCE = 10;

/**
 * Sends to one queue. What is sent at the same moment travels as one call, ten messages at most, and each is taken or refused by itself.
 * A message is some hundred bytes, bounded where it is made; one larger than SQS takes (256 KiB, 1 MiB since 2025) is refused.
 */
export function sqsSender(call: AwsCall, url: string): SqsSend {
  let waiting: Letter[] = [];
  const flush = async (): Promise<void> => {
    const all = waiting;
    waiting = [];
    // One call after the other: within a group the order is kept.
    while (all.length > 0) await sendBatch(call, url, all.splice(0, MOST_AT_ONCE));
  };
  return (body, attributes) =>
    new Promise((resolve, reject) => {
      const entry = { MessageBody: bodyOf(body), ...attributes };
      if (waiting.push({ entry, resolve, reject }) === 1) queueMicrotask(() => void flush());
    });
}

export const inGroup = (group: string, dedupId: string): Attributes => ({
  MessageGroupId: sqsId(group),
  MessageDeduplicationId: sqsId(dedupId),
});

/** What SQS does not take as an id (too long, or a character of its own) becomes its hash: the same text, the same id. */
const sqsId = (text: string): string =>
  /^[!-~]{1,128}$/.test(text) ? text : `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** Two characters that JSON lets stand, and SQS does not. */
const bodyOf = (body: unknown): string =>
  JSON.stringify(body).replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);

interface Letter {
  readonly entry: Attributes;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

async function sendBatch(call: AwsCall, url: string, letters: readonly Letter[]): Promise<void> {
  const entries = letters.map(({ entry }, index) => ({ Id: `${index}`, ...entry }));
  try {
    const reply = await call("SendMessageBatch", { QueueUrl: url, Entries: entries });
    const taken = new Set(listed(reply, "Successful").map((entry) => entry["Id"]));
    const refused = new Map(listed(reply, "Failed").map((entry) => [entry["Id"], entry]));
    letters.forEach(({ resolve, reject }, index) => {
      if (taken.has(`${index}`)) resolve();
      else reject(notTaken(url, refused.get(`${index}`)));
    });
  } catch (error) {
    for (const { reject } of letters) reject(error);
  }
}

type Answered = Readonly<Record<string, unknown>>;

function listed(reply: unknown, name: "Successful" | "Failed"): readonly Answered[] {
  const list = (reply as Answered)[name];
  return Array.isArray(list) ? (list as Answered[]) : [];
}

function notTaken(url: string, { Code = "not answered", Message = "", SenderFault }: Answered = {}): OutsideError {
  const detail = `sqs SendMessageBatch to ${url}: ${String(Code)} ${String(Message)}`;
  return new OutsideError({ ...judge(SenderFault === true ? 400 : 500, String(Code)), detail });
}
