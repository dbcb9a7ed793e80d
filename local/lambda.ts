import type { LambdaFunctionURLEvent, SQSBatchResponse, SQSEvent } from "aws-lambda";
import type { IncomingMessage } from "node:http";
import type { QueuedMessage, QueueName, QueueSource } from "../src/adapters/queue-sqlite.ts";
import type { WorldClock } from "./clock.ts";

type QueueFunction = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** Around each run of a function: `run` with these effects, or with others. Rejects: the process died in the middle. */
export type Invoke = <Fx extends object>(
  event: SQSEvent,
  fx: Fx,
  run: (fx: Fx) => ReturnType<QueueFunction>,
) => ReturnType<QueueFunction>;

export interface LambdaHost {
  /** True while a function runs. */
  busy(): boolean | Promise<boolean>;
  /** When the next message of any queue becomes visible; null: nothing is queued. */
  nextDueAt(): number | null | Promise<number | null>;
  /** Takes no more messages, and waits for what runs. */
  close(): Promise<void>;
}

const CONCURRENCY: Readonly<Record<QueueName, number>> = { deployer: 10, tick: 5, reporter: 2 };
const RETRY_MS = 5_000;

/** What AWS does between a queue and a function: takes messages, calls the function, deletes what it did not report as failed. */
export function runFunctions(
  queue: QueueSource,
  functions: Readonly<Record<QueueName, QueueFunction>>,
  clock: WorldClock,
): LambdaHost {
  const names = Object.keys(functions) as QueueName[];
  const running = new Map<QueueName, Set<Promise<void>>>(names.map((name) => [name, new Set()]));
  const timers = new Map<QueueName, number>();
  let closed = false;

  function poll(name: QueueName): void {
    if (closed) return;
    const active = running.get(name) ?? new Set();
    for (const message of queue.receive(name, CONCURRENCY[name] - active.size)) {
      const run = invoke(name, message).finally(() => {
        active.delete(run);
        poll(name);
      });
      active.add(run);
    }
    const next = queue.nextVisibleAt(name);
    clock.clearTimeout(timers.get(name) ?? -1);
    if (next !== null && active.size < CONCURRENCY[name])
      timers.set(
        name,
        clock.setTimeout(() => poll(name), Math.max(1, next - clock.nowMs())),
      );
  }

  async function invoke(name: QueueName, message: QueuedMessage): Promise<void> {
    try {
      const { batchItemFailures } = await functions[name](sqsEvent(name, message));
      if (batchItemFailures.length === 0) queue.delete(message.receipt);
      else queue.release(message.receipt, RETRY_MS);
    } catch {
      // A process that died reports nothing: the message comes back when its visibility timeout is over.
      // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    }
  }

  queue.onSend((name) => setImmediate(() => poll(name)));
  for (const name of names) poll(name);
  return {
    busy: () => [...running.values()].some((active) => active.size > 0),
    nextDueAt: () => {
      const times = names.map((name) => queue.nextVisibleAt(name)).filter((at) => at !== null);
      return times.length === 0 ? null : Math.min(...times);
    },
    async close() {
      closed = true;
      for (const timer of timers.values()) clock.clearTimeout(timer);
      await Promise.all([...running.values()].flatMap((active) => [...active]));
    },
  };
}

function sqsEvent(name: QueueName, { id, receipt, group, body, receives }: QueuedMessage): SQSEvent {
  return {
    Records: [
      {
        messageId: id,
        receiptHandle: receipt,
        body,
        attributes: {
          ApproximateReceiveCount: `${receives}`,
          SentTimestamp: "0",
          SenderId: "local",
          ApproximateFirstReceiveTimestamp: "0",
          MessageGroupId: group,
        },
        messageAttributes: {},
        md5OfBody: "",
        eventSource: "aws:sqs",
        eventSourceARN: `arn:aws:sqs:local:000000000000:${name}`,
        awsRegion: "local",
      },
    ],
  };
}

/** A request as a Function URL would hand it over: the body in base64, header names in lower case. */
export async function functionUrlEvent(req: IncomingMessage): Promise<LambdaFunctionURLEvent> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : (value ?? "")]),
  );
  const path = req.url ?? "/";
  const http = {
    method: req.method ?? "GET",
    path,
    protocol: "HTTP/1.1",
    sourceIp: "127.0.0.1",
    userAgent: headers["user-agent"] ?? "",
  };
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: "",
    headers,
    requestContext: {
      accountId: "local",
      apiId: "local",
      domainName: "localhost",
      domainPrefix: "",
      http,
      requestId: "",
      routeKey: "$default",
      stage: "$default",
      time: "",
      timeEpoch: 0,
    },
    body: Buffer.concat(chunks).toString("base64"),
    isBase64Encoded: true,
  };
}
