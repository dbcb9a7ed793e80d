import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { QueuedMessage, QueueName, QueueSource } from "../../src/adapters/queue-sqlite.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import type { LookMessage } from "../../src/core/message.ts";
import { preview, repo, staging } from "../core/decision-fixture.ts";

export interface QueueUnderTest {
  readonly queue: Queue;
  /** How long a receiver may work before the message comes back. */
  readonly visibilityMs: number;
  /** What a Lambda function's event source does: one message of a group at a time. */
  receive(from: QueueName, max: number): Promise<readonly QueuedMessage[]>;
  delete(receipt: string): Promise<void>;
  release(receipt: string, delayMs: number): Promise<void>;
  deadLetters(): Promise<readonly { queue: string; group: string; body: string; receives: number }[]>;
  /** The test's clock was moved: whoever has taken a message for too long has lost it. */
  timePassed(): Promise<void>;
  close(): Promise<void>;
}

/** What every queue has to do. `open` opens the same queue each time it is called with the same name, on the test's clock. */
export function describeQueue(name: string, open: (queue: string, now: () => number) => Promise<QueueUnderTest>): void {
  describe(`a queue: ${name}`, () => {
    let now = 0;
    let fresh = 0;
    let opened: QueueUnderTest;
    const reopen = async (): Promise<void> => {
      opened = await open(`queue-${fresh}`, () => now);
    };
    beforeEach(async () => {
      now = Date.UTC(2026, 4, 1);
      fresh++;
      await reopen();
    });
    afterEach(() => opened.close());

    const send = (delivery: string, group = "g", dedupId = delivery) =>
      opened.queue.send(look(delivery), group, dedupId);
    const receive = (max = 10, from: QueueName = "deployer") => opened.receive(from, max);
    const pass = async (ms: number): Promise<void> => {
      now += ms;
      await opened.timePassed();
    };
    const one = async (from: QueueName = "deployer"): Promise<QueuedMessage> => {
      const [message] = await receive(1, from);
      if (message === undefined) throw new Error("something is there to receive");
      return message;
    };
    const handled = async () => {
      const messages = await receive();
      for (const { receipt } of messages) await opened.delete(receipt);
      return names(messages);
    };

    test("gives a message once, as it was sent", async () => {
      await send("1");
      const { group, receives, body } = await one();
      expect({ group, receives, body: JSON.parse(body) as unknown }).toEqual({
        group: "g",
        receives: 1,
        body: look("1"),
      });
      expect(await receive()).toEqual([]);
    });

    describe("a group", () => {
      test("keeps its order, one at a time: the next goes when the one before is done", async () => {
        for (const delivery of ["1", "2", "3"]) await send(delivery);
        expect([await handled(), await handled(), await handled(), await handled()]).toEqual([["1"], ["2"], ["3"], []]);
      });

      test("keeps its order also where everything is sent at once", async () => {
        const deliveries = Array.from({ length: 12 }, (_, index) => `${index}`);
        await Promise.all(deliveries.map((delivery) => send(delivery)));
        const order: string[] = [];
        for (const _ of deliveries) order.push(...(await handled()));
        expect(order).toEqual(deliveries);
      });

      test("does not wait for another", async () => {
        await send("a1", "a");
        await send("a2", "a");
        await send("b1", "b");
        expect(names(await receive()).sort()).toEqual(["a1", "b1"]);
        expect(await receive()).toEqual([]);
      });

      test("may have a name that no queue would take as it is", async () => {
        const long = `image/${"x".repeat(300)}/ü`;
        await send("1", long, `${long}:1`);
        await send("2", long, `${long}:2`);
        await send("2 again", long, `${long}:2`);
        expect([await handled(), await handled(), await handled()]).toEqual([["1"], ["2"], []]);
      });

      test("waits behind a message that was given back, until that one is done", async () => {
        await send("1");
        await send("2");
        await opened.release((await one()).receipt, 60_000);
        expect(await receive()).toEqual([]);
        await pass(60_000);
        expect([await handled(), await handled()]).toEqual([["1"], ["2"]]);
      });

      test("gives no more than was asked for", async () => {
        for (const group of ["a", "b", "c"]) await send(group, group);
        const first = names(await receive(2));
        expect(first).toHaveLength(2);
        expect([...first, ...names(await receive(2))].sort()).toEqual(["a", "b", "c"]);
      });
    });

    test("a repeat is swallowed, also after the first was handled", async () => {
      await send("1");
      await send("again", "g", "1");
      expect(await handled()).toEqual(["1"]);
      await send("again", "g", "1");
      expect(await handled()).toEqual([]);
    });

    describe("a receiver", () => {
      test("that died gives its message back when its time is over", async () => {
        await send("1");
        await one();
        await pass(opened.visibilityMs - 1);
        expect(await receive()).toEqual([]);
        await pass(1);
        expect(await one()).toMatchObject({ receives: 2 });
      });

      test("that was too slow deletes nothing: the message is another's by then", async () => {
        await send("1");
        const slow = await one();
        await pass(opened.visibilityMs);
        const fast = await one();
        await opened.delete(slow.receipt);
        await opened.release(slow.receipt, 0);
        expect(await receive()).toEqual([]);
        await opened.delete(fast.receipt);
        await pass(opened.visibilityMs);
        expect(await receive()).toEqual([]);
      });

      test("that fails five times leaves the message for a person, and the group goes on", async () => {
        await send("poison");
        await send("next");
        for (let times = 0; times < 5; times++) await opened.release((await one()).receipt, 0);
        const rest = [...(await handled()), ...(await handled())];
        expect(rest).toEqual(["next"]);
        expect(await opened.deadLetters()).toMatchObject([
          { queue: "deployer", group: "g", body: JSON.stringify(look("poison")) },
        ]);
      });
    });

    test("a tick comes by the ordinary queue, each by itself", async () => {
      await opened.queue.tick(staging, 4, 0);
      await opened.queue.tick(staging, 4, 0);
      const bodies = [await one("tick"), await one("tick")].map(({ body }) => JSON.parse(body) as unknown);
      const tick = { v: 1, kind: "tick", target: staging, n: 4 };
      expect(bodies).toEqual([tick, tick]);
      expect(await receive()).toEqual([]);
    });

    test("a report goes to its installation's group, each by itself", async () => {
      await opened.queue.report(3, 0);
      await opened.queue.report(3, 0);
      const first = await one("reporter");
      expect(first).toMatchObject({ group: "3", body: JSON.stringify({ v: 1, kind: "report", installation: 3 }) });
      expect(await receive(10, "reporter")).toEqual([]);
      await opened.delete(first.receipt);
      expect(await receive(10, "reporter")).toHaveLength(1);
      expect(await receive(10, "tick")).toEqual([]);
    });

    test("everything is there after it was closed and opened again: what waits, what is worked on, and what was seen", async () => {
      await send("worked on", "a");
      const { receipt } = await one();
      await send("waiting", "b");
      await opened.queue.tick(staging, 1, 0);
      await opened.close();
      await reopen();
      expect(names(await receive())).toEqual(["waiting"]);
      await send("waiting", "b");
      await opened.delete(receipt);
      await pass(opened.visibilityMs);
      expect(await handled()).toEqual(["waiting"]);
      expect(await receive(10, "tick")).toHaveLength(1);
      expect(await handled()).toEqual([]);
    });

    test("two who receive never get the same message", async () => {
      const other = await open(`queue-${fresh}`, () => now);
      for (const group of ["a", "b", "c", "d"]) await send(group, group);
      const received = [...(await receive(2)), ...(await other.receive("deployer", 4)), ...(await receive())];
      expect(names(received).sort()).toEqual(["a", "b", "c", "d"]);
      await other.close();
    });
  });
}

/** A queue in this process, whose time is the test's to move. */
type LocalQueue = Queue & QueueSource;
const VISIBILITY_MS = 60_000;

export const underTest = (queue: LocalQueue, visibilityMs: number): QueueUnderTest => ({
  queue,
  visibilityMs,
  receive: async (from, max) => queue.receive(from, max),
  delete: async (receipt) => queue.delete(receipt),
  release: async (receipt, delayMs) => queue.release(receipt, delayMs),
  deadLetters: async () => queue.deadLetters(),
  timePassed: async () => undefined,
  close: async () => queue.close(),
});

/** SQS' own times, which no test can wait for: whatever stands in for it keeps them. */
export function describeQueueTimes(name: string, open: (now: () => number, visibilityMs: number) => LocalQueue): void {
  describe(`the times of a queue: ${name}`, () => {
    let now = 0;
    let queue: LocalQueue;
    beforeEach(() => {
      now = Date.UTC(2026, 4, 1);
      queue = open(() => now, VISIBILITY_MS);
    });
    const send = (delivery: string, dedupId = delivery) => queue.send(look(delivery), "g", dedupId);
    const bodies = (from: QueueName) => queue.receive(from, 10).map(({ body }) => JSON.parse(body) as unknown);
    const handled = () => {
      const messages = queue.receive("deployer", 10);
      for (const { receipt } of messages) queue.delete(receipt);
      return messages.length;
    };

    test("a repeat is swallowed for five minutes, and a message of its own after them", async () => {
      await send("1");
      expect(handled()).toBe(1);
      now += 5 * 60_000;
      await send("again", "1");
      expect(handled()).toBe(0);
      now += 1;
      await send("again", "1");
      expect(handled()).toBe(1);
    });

    test("a message that failed five times says so", async () => {
      await send("poison");
      for (let times = 0; times < 5; times++)
        for (const { receipt } of queue.receive("deployer", 1)) queue.release(receipt, 0);
      expect(queue.receive("deployer", 1)).toEqual([]);
      expect(queue.deadLetters()).toMatchObject([{ receives: 5 }]);
    });

    test("a tick comes no sooner than it was asked for", async () => {
      await queue.tick(staging, 4, 2_000);
      await queue.tick(staging, 3, 1_000);
      expect(bodies("tick")).toEqual([]);
      now += 1_000;
      expect(bodies("tick")).toEqual([{ v: 1, kind: "tick", target: staging, n: 3 }]);
      expect(queue.nextVisibleAt("tick")).toBe(now + 1_000);
      now += 1_000;
      expect(bodies("tick")).toMatchObject([{ n: 4 }]);
      expect(bodies("deployer")).toEqual([]);
    });

    test("a later report goes by the ordinary queue", async () => {
      await queue.report(3, 5_000);
      expect([bodies("reporter"), bodies("tick")]).toEqual([[], []]);
      now += 5_000;
      expect(bodies("tick")).toEqual([{ v: 1, kind: "report", installation: 3 }]);
    });

    test("whoever runs the functions is told of what is sent, and when to look again", async () => {
      const heard: QueueName[] = [];
      queue.onSend((to) => heard.push(to));
      expect(queue.nextVisibleAt("deployer")).toBeNull();
      await send("1");
      await send("again", "1");
      expect(heard).toEqual(["deployer"]);
      expect(queue.nextVisibleAt("deployer")).toBe(now);
      queue.receive("deployer", 1);
      expect(queue.nextVisibleAt("deployer")).toBe(now + VISIBILITY_MS);
    });
  });
}

export const look = (delivery: string): LookMessage => ({
  v: 1,
  kind: "look",
  delivery,
  target: preview,
  sha: null,
  installation: 3,
  repo,
  receivedAt: 0,
  because: "test",
});

const names = (messages: readonly QueuedMessage[]): string[] =>
  messages.map(({ body }) => (JSON.parse(body) as { delivery: string }).delivery);
