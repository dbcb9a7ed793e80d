import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { createDynamoDbTable } from "../../src/adapters/table-dynamodb.ts";
import type { Condition, Table, Write } from "../../src/adapters/table.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { createTable } from "./dynamodb.ts";
import { type Lossy, startLossy } from "./lossy.ts";

const TABLE = "lost-answers";

/** The SDK sends again what was not answered, and DynamoDB has done it by then. */
describe("a write whose answer was lost", () => {
  let lossy: Lossy;
  let table: Table;
  let present: Table;
  let fresh = 0;
  beforeAll(async () => {
    const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = inject("aws");
    lossy = await startLossy(AWS_ENDPOINT_URL);
    const clientOf = (endpoint: string) =>
      new DynamoDBClient({
        endpoint,
        region: AWS_REGION,
        credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
      });
    const client = clientOf(AWS_ENDPOINT_URL);
    await createTable(client, TABLE);
    present = createDynamoDbTable({ table: TABLE, client });
    table = createDynamoDbTable({ table: TABLE, client: clientOf(lossy.url) });
  });
  afterAll(() => lossy.close());
  beforeEach(() => void fresh++);

  const key = (sk: string) => ({ pk: `p${fresh}`, sk });
  const put = (sk: string, value: unknown, when: Condition): Write => ({ kind: "put", key: key(sk), value, when });
  const valueOf = async (sk: string) => (await present.get(key(sk)))?.value ?? null;

  test.each(["absent", "version"] as const)("is known for its own when it is alone and wants %s", async (kind) => {
    const when: Condition = kind === "absent" ? { kind } : { kind, version: 1 };
    if (kind === "version") await present.write([put("a", "before", { kind: "absent" })]);
    lossy.lose(1);
    expect(await table.write([put("a", "mine", when)])).toBe("written");
    expect(await present.get(key("a"))).toMatchObject({ value: "mine", version: kind === "absent" ? 1 : 2 });
  });

  test("is done once where it is a transaction", async () => {
    lossy.lose(1);
    expect(await table.write([put("a", 1, { kind: "absent" }), put("b", 1, { kind: "always" })])).toBe("written");
    expect(await present.get(key("b"))).toMatchObject({ version: 1 });
  });

  test("is known for its own where it is a deletion", async () => {
    await present.write([put("a", 1, { kind: "absent" })]);
    lossy.lose(1);
    expect(await table.write([{ kind: "delete", key: key("a"), when: { kind: "version", version: 1 } }])).toBe(
      "written",
    );
    expect(await valueOf("a")).toBeNull();
  });

  test("is a conflict where another's stands there", async () => {
    await present.write([put("a", "theirs", { kind: "absent" })]);
    for (const others of [[], [put("b", 1, { kind: "always" })]]) {
      lossy.lose(1);
      expect(await table.write([put("a", "mine", { kind: "absent" }), ...others])).toBe("conflict");
      expect([await valueOf("a"), await valueOf("b")]).toEqual(["theirs", null]);
    }
  });

  test("and is never answered, is neither written nor a conflict: nobody knows", async () => {
    for (const writes of [
      [put("a", 1, { kind: "absent" })],
      [put("b", 1, { kind: "absent" }), put("c", 1, { kind: "absent" })],
    ]) {
      lossy.lose(100);
      const failed = await table.write(writes).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(OutsideError);
      expect((failed as OutsideError).problem).toMatchObject({ code: "unknown-result", retryable: true });
    }
    lossy.lose(0);
    expect([await valueOf("a"), await valueOf("b")], "as it happened").toEqual([1, 1]);
  });

  test("of a read is a failure that says what was to be read", async () => {
    lossy.lose(100);
    const failed = await table.get(key("a")).catch((error: unknown) => error);
    expect((failed as OutsideError).problem).toMatchObject({ code: "unavailable", retryable: true });
    expect((failed as OutsideError).problem.detail).toContain(`${TABLE}: read p${fresh} a: `);
  });
});
