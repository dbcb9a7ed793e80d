import type { SQSEvent } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { queueHandler } from "../../src/handlers.ts";
import { eachRecord, once } from "../../src/lambda.ts";
import { createLog } from "../../src/log.ts";

const batch = (...bodies: string[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({ messageId: `m${index + 1}`, body }) as SQSEvent["Records"][number]),
});

describe("a batch", () => {
  async function handled(event: SQSEvent, poison?: unknown) {
    const seen: unknown[] = [];
    const failed: string[] = [];
    const each = async (body: unknown): Promise<void> => {
      if (body === poison) throw new Error("poison");
      seen.push(body);
    };
    const { batchItemFailures } = await eachRecord(event, each, (_, messageId) => failed.push(messageId));
    return { seen, failed, back: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) };
  }

  test("is handled in order, and nothing goes back", async () => {
    expect(await handled(batch("1", "2", "3"))).toEqual({ seen: [1, 2, 3], failed: [], back: [] });
  });

  test("goes back from the first failure on, so that nothing overtakes it", async () => {
    expect(await handled(batch("1", "2", "3"), 2)).toEqual({ seen: [1], failed: ["m2"], back: ["m2", "m3"] });
  });

  test("treats what is no JSON like any failure", async () => {
    expect(await handled(batch("{", "2"))).toEqual({ seen: [], failed: ["m1"], back: ["m1", "m2"] });
  });

  test("may be empty", async () => {
    expect(await handled(batch())).toEqual({ seen: [], failed: [], back: [] });
  });
});

test("a failed message is logged with its id, and its lines carry what it is about", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    clock: { now: () => 0 },
  });
  const handler = queueHandler(
    async () => ({ log }),
    async (_, fx) => {
      fx.log.info("on it");
      throw new Error("broken");
    },
  );
  await handler(batch(JSON.stringify({ delivery: "d1", repo: "acme/shop", because: "test" })));
  expect(lines).toMatchObject([
    { msg: "on it", delivery: "d1", repo: "acme/shop" },
    { msg: "message failed", messageId: "m1" },
  ]);
});

describe("what is built once", () => {
  test("is built on the first call, for all who ask meanwhile", async () => {
    let built = 0;
    const get = once(async () => ++built);
    expect(built).toBe(0);
    expect(await Promise.all([get(), get()])).toEqual([1, 1]);
    expect(await get()).toBe(1);
  });

  test("is tried again after it failed", async () => {
    let tries = 0;
    const get = once(async () => {
      if (++tries === 1) throw new Error("not yet");
      return tries;
    });
    await expect(get()).rejects.toThrow("not yet");
    expect(await get()).toBe(2);
  });
});
