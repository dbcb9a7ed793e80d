import { describeQueue, type QueueUnderTest } from "../adapters/queue-suite.ts";
import { createQueueModel } from "./queue.ts";

const VISIBILITY_MS = 60_000;
const queues = new Map<string, QueueUnderTest["queue"]>();

function open(name: string, now: () => number): QueueUnderTest["queue"] {
  const known = queues.get(name);
  if (known !== undefined) return known;
  const model = createQueueModel(now, () => VISIBILITY_MS);
  const queue: QueueUnderTest["queue"] = {
    ...model,
    send: async (message, group, dedupId) => model.send(message, group, dedupId),
    tick: async (target, n, delayMs) => model.tick(target, n, delayMs),
    report: async (installation, delayMs) => model.report(installation, delayMs),
    close: () => undefined,
  };
  queues.set(name, queue);
  return queue;
}

describeQueue("the simulation's", async (name, now) => ({
  queue: open(name, now),
  visibilityMs: VISIBILITY_MS,
  close: async () => undefined,
}));
