import type { QueueSource } from "../../src/adapters/queue-sqlite.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import { describeQueue, describeQueueTimes, underTest } from "../adapters/queue-suite.ts";
import { createQueueModel } from "./queue.ts";

const VISIBILITY_MS = 60_000;
const queues = new Map<string, Queue & QueueSource>();

function open(now: () => number, visibilityMs: number): Queue & QueueSource {
  const model = createQueueModel(now, () => visibilityMs);
  return {
    ...model,
    send: async (message, group, dedupId) => model.send(message, group, dedupId),
    tick: async (target, n, delayMs) => model.tick(target, n, delayMs),
    report: async (installation, delayMs) => model.report(installation, delayMs),
    close: () => undefined,
  };
}

describeQueue("the simulation's", async (name, now) => {
  const queue = queues.get(name) ?? open(now, VISIBILITY_MS);
  queues.set(name, queue);
  return underTest(queue, VISIBILITY_MS);
});

describeQueueTimes("the simulation's", open);
