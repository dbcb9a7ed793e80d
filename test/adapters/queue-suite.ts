import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { QueuedMessage, QueueName, QueueSource } from "../../src/adapters/queue-sqlite.ts";
import type { Queue } from "../../src/adapters/queue.ts";
import type { LookMessage } from "../../src/core/message.ts";
import { preview, repo, staging } from "../core/decision-fixture.ts";

export interface QueueUnderTest {
  readonly queue: Queue & QueueSource;
  /** How long a receiver may work before the message comes back. */
  readonly visibilityMs: number;
  close(): Promise<void>;
}

/** What every queue has to do. `open` opens the same queue each time it is called with the same name, on the test's clock. */
export function describeQueue(name: string, open: (queue: string, now: () => number) => Promise<QueueUnderTest>): void {
  describe(`a queue: ${name}`, () => {
    let now = 0;
    let fresh = 0;
    let opened: QueueUnderTest;
    let queue: QueueUnderTest["queue"];
    let visibilityMs: number;
    const reopen = async (): Promise<void> => {
      opened = await open(`queue-${fresh}`, () => now);
      ({ queue, visibilityMs } = opened);
    };
    beforeEach(async () => {
      now = Date.UTC(2026, 4, 1);
      fresh++;
      await reopen();
    });
    afterEach(() => opened.close());

    const look = (delivery: string): LookMessage => ({
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
    const send = (delivery: string, group = "g", dedupId = delivery) => queue.send(look(delivery), group, dedupId);
    const receive = (max = 10, from: QueueName = "deployer") => queue.receive(from, max);
    const names = (messages: readonly QueuedMessage[]) =>
      messages.map(({ body }) => (JSON.parse(body) as { delivery: string }).delivery);
    const one = (from: QueueName = "deployer"): QueuedMessage => {
      const [message] = receive(1, from);
      if (message === undefined) throw new Error("something is there to receive");
      return message;
    };
    const handled = () => {
      const messages = receive();
      for (const { receipt } of messages) queue.delete(receipt);
      return names(messages);
    };

    test("gives a message once, as it was sent", async () => {
      await send("1");
      const message = one();
      expect({ group: message.group, receives: message.receives, body: JSON.parse(message.body) as unknown }).toEqual({
        group: "g",
        receives: 1,
        body: look("1"),
      });
      expect(receive()).toEqual([]);
    });

    describe("a group", () => {
      test("keeps its order, one at a time: the next goes when the one before is done", async () => {
        for (const delivery of ["1", "2", "3"]) await send(delivery);
        expect([handled(), handled(), handled(), handled()]).toEqual([["1"], ["2"], ["3"], []]);
      });

      test("does not wait for another", async () => {
        await send("a1", "a");
        await send("a2", "a");
        await send("b1", "b");
        expect(names(receive())).toEqual(["a1", "b1"]);
        expect(receive()).toEqual([]);
      });

      test("waits behind a message that was given back, until that one is done", async () => {
        await send("1");
        await send("2");
        queue.release(one().receipt, 5_000);
        expect(receive()).toEqual([]);
        now += 5_000;
        expect([handled(), handled()]).toEqual([["1"], ["2"]]);
      });

      test("gives no more than was asked for", async () => {
        for (const group of ["a", "b", "c"]) await send(group, group);
        expect(names(receive(2))).toEqual(["a", "b"]);
        expect(names(receive(2))).toEqual(["c"]);
      });
    });

    describe("a repeat", () => {
      test("is swallowed for five minutes, also after the first was handled", async () => {
        await send("1");
        await send("again", "g", "1");
        expect(handled()).toEqual(["1"]);
        now += 5 * 60_000;
        await send("again", "g", "1");
        expect(handled()).toEqual([]);
      });

      test("is a message of its own after five minutes", async () => {
        await send("1");
        handled();
        now += 5 * 60_000 + 1;
        await send("again", "g", "1");
        expect(handled()).toEqual(["again"]);
      });
    });

    describe("a receiver", () => {
      test("that died gives its message back when its time is over", async () => {
        await send("1");
        one();
        now += visibilityMs - 1;
        expect(receive()).toEqual([]);
        now += 1;
        expect(one()).toMatchObject({ receives: 2 });
      });

      test("that was too slow deletes nothing: the message is another's by then", async () => {
        await send("1");
        const slow = one();
        now += visibilityMs;
        const fast = one();
        queue.delete(slow.receipt);
        queue.release(slow.receipt, 0);
        expect(receive()).toEqual([]);
        queue.delete(fast.receipt);
        now += visibilityMs;
        expect(receive()).toEqual([]);
      });

      test("that fails five times leaves the message for a person, and the group goes on", async () => {
        await send("poison");
        await send("next");
        for (let times = 0; times < 5; times++) queue.release(one().receipt, 0);
        expect(receive()).toEqual([]);
        expect(handled()).toEqual(["next"]);
        expect(queue.deadLetters()).toMatchObject([
          { queue: "deployer", group: "g", receives: 5, body: JSON.stringify(look("poison")) },
        ]);
      });

      test("is told of what is sent, and when to look again", async () => {
        const heard: QueueName[] = [];
        queue.onSend((to) => heard.push(to));
        expect(queue.nextVisibleAt("deployer")).toBeNull();
        await send("1");
        await send("again", "g", "1");
        expect(heard).toEqual(["deployer"]);
        expect(queue.nextVisibleAt("deployer")).toBe(now);
        one();
        expect(queue.nextVisibleAt("deployer")).toBe(now + visibilityMs);
      });
    });

    test("a tick comes no sooner than it was asked for, and each by itself", async () => {
      await queue.tick(staging, 4, 2_000);
      await queue.tick(staging, 3, 1_000);
      expect(receive(10, "tick")).toEqual([]);
      now += 1_000;
      expect(JSON.parse(one("tick").body)).toEqual({ v: 1, kind: "tick", target: staging, n: 3 });
      expect(queue.nextVisibleAt("tick")).toBe(now + 1_000);
      now += 1_000;
      expect(JSON.parse(one("tick").body)).toMatchObject({ n: 4 });
      expect(receive()).toEqual([]);
    });

    test("a report goes to its installation's group at once, or by the ordinary queue when it is to be later", async () => {
      await queue.report(3, 0);
      await queue.report(3, 5_000);
      expect(one("reporter")).toMatchObject({
        group: "3",
        body: JSON.stringify({ v: 1, kind: "report", installation: 3 }),
      });
      expect(receive(10, "tick")).toEqual([]);
      now += 5_000;
      expect(JSON.parse(one("tick").body)).toEqual({ v: 1, kind: "report", installation: 3 });
    });

    test("everything is there after it was closed and opened again: what waits, what is worked on, and what was seen", async () => {
      await send("worked on", "a");
      const { receipt } = one();
      await send("waiting", "b");
      await queue.tick(staging, 1, 1_000);
      await opened.close();
      await reopen();
      expect(names(receive())).toEqual(["waiting"]);
      await send("waiting", "b");
      queue.delete(receipt);
      now += visibilityMs;
      expect(handled()).toEqual(["waiting"]);
      expect(receive(10, "tick")).toHaveLength(1);
      expect(handled()).toEqual([]);
    });

    test("two who receive never get the same message", async () => {
      const other = await open(`queue-${fresh}`, () => now);
      for (const group of ["a", "b", "c", "d"]) await send(group, group);
      expect([...names(receive(2)), ...names(other.queue.receive("deployer", 4)), ...names(receive())]).toEqual([
        "a",
        "b",
        "c",
        "d",
      ]);
      await other.close();
    });
  });
}
