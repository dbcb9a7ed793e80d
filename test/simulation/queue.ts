import type { QueuedMessage, QueueName, QueueSource } from "../../src/adapters/queue-sqlite.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import { targetId } from "../../src/core/names.ts";
import type { Sync } from "./sim.ts";

/** The three queues with SQS' rules; `test/adapters/queue-suite.ts` holds them to what the real ones do. */
export type QueueModel = Sync<Queue> & Omit<QueueSource, "close">;

const DEDUPLICATION_MS = 5 * 60_000;
const MAX_RECEIVES = 5;

interface Message {
  readonly seq: number;
  readonly queue: QueueName;
  readonly group: string;
  readonly body: string;
  visibleAt: number;
  receives: number;
  receipt: string | null;
}

export function createQueueModel(now: () => number, visibilityMs: (queue: QueueName) => number): QueueModel {
  /** The messages of each group, oldest first. */
  const groups: Record<QueueName, Map<string, Message[]>> = {
    deployer: new Map(),
    tick: new Map(),
    reporter: new Map(),
  };
  const seen = new Map<string, number>();
  const held = new Map<string, Message>();
  const dead: Message[] = [];
  const listeners: ((queue: QueueName) => void)[] = [];
  let seq = 0;

  function put(queue: QueueName, group: string, body: unknown, delayMs: number): void {
    const message = {
      seq: ++seq,
      queue,
      group,
      body: JSON.stringify(body),
      visibleAt: now() + delayMs,
      receives: 0,
      receipt: null,
    };
    const messages = groups[queue].get(group);
    if (messages === undefined) groups[queue].set(group, [message]);
    else messages.push(message);
    for (const listener of listeners) listener(queue);
  }

  function drop(message: Message): void {
    const messages = groups[message.queue].get(message.group) ?? [];
    const left = messages.filter((other) => other !== message);
    if (left.length > 0) groups[message.queue].set(message.group, left);
    else groups[message.queue].delete(message.group);
  }

  /** Only the oldest message of a group may go: a locked or delayed one blocks those behind it. */
  function visible(queue: QueueName): Message[] {
    const found: Message[] = [];
    for (const [head] of groups[queue].values()) if (head !== undefined && head.visibleAt <= now()) found.push(head);
    return found.sort((a, b) => a.seq - b.seq);
  }

  return {
    send: (message, group, dedupId) => {
      const at = seen.get(dedupId);
      if (at !== undefined && at >= now() - DEDUPLICATION_MS) return;
      seen.set(dedupId, now());
      put("deployer", group, message, 0);
    },
    tick: (target, n, delayMs) => put("tick", `${targetId(target)}#${seq}`, { v: 1, kind: "tick", target, n }, delayMs),
    report: (installation, delayMs) => {
      const body = { v: 1, kind: "report", installation };
      if (delayMs > 0) put("tick", `report/${installation}#${seq}`, body, delayMs);
      else put("reporter", `${installation}`, body, 0);
    },
    receive: (queue, max) => {
      const taken: QueuedMessage[] = [];
      for (const head of visible(queue).slice(0, max)) {
        if (head.receives >= MAX_RECEIVES) {
          drop(head);
          dead.push(head);
          continue;
        }
        if (head.receipt !== null) held.delete(head.receipt);
        const receipt = `${head.seq}/${++head.receives}`;
        head.receipt = receipt;
        head.visibleAt = now() + visibilityMs(queue);
        held.set(receipt, head);
        taken.push({ id: `${head.seq}`, receipt, group: head.group, body: head.body, receives: head.receives });
      }
      return taken;
    },
    delete: (receipt) => {
      const message = held.get(receipt);
      held.delete(receipt);
      if (message !== undefined) drop(message);
    },
    release: (receipt, delayMs) => {
      const message = held.get(receipt);
      if (message === undefined) return;
      held.delete(receipt);
      message.receipt = null;
      message.visibleAt = now() + delayMs;
    },
    nextVisibleAt: (queue) => {
      let next: number | null = null;
      for (const [head] of groups[queue].values())
        if (head !== undefined && (next === null || head.visibleAt < next)) next = head.visibleAt;
      return next;
    },
    deadLetters: () => dead.map(({ queue, group, body, receives }) => ({ queue, group, body, receives })),
    onSend: (listener) => void listeners.push(listener),
  };
}
