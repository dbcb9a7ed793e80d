import { randomUUID } from "node:crypto";
import type { Queue } from "./queue.ts";
import { inGroup, sqsCall, sqsDeployerQueue, type SqsOptions, sqsSender } from "./sqs-send.ts";

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html */
const LONGEST_DELAY_MS = 900_000;

/** The stack's three queues. Every send may be repeated: a FIFO queue knows a message by its deduplication id, a target its own tick. */
export function createSqsQueue(options: SqsOptions): Queue {
  const { prefix } = options;
  const call = sqsCall(options);
  const reporter = sqsSender(call, `${prefix}-reporter.fifo`);
  const ordinary = sqsSender(call, `${prefix}-tick`);
  /** What is too late for SQS to hold is not sent: the overdue sweep looks each minute, and finds it when its time has come. */
  const later = async (body: unknown, delayMs: number): Promise<void> => {
    if (delayMs <= LONGEST_DELAY_MS) await ordinary(body, { DelaySeconds: Math.ceil(delayMs / 1_000) });
  };
  return {
    ...sqsDeployerQueue(call, prefix),
    tick: (target, n, delayMs) => later({ v: 1, kind: "tick", target, n }, delayMs),
    // FIFO queues know no delay per message: a later report goes the way of the ticks and is forwarded when its time comes.
    report: (installation, delayMs) => {
      const body = { v: 1, kind: "report", installation };
      return delayMs > 0 ? later(body, delayMs) : reporter(body, inGroup(`${installation}`, randomUUID()));
    },
  };
}
