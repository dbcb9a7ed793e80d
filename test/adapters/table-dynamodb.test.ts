import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createDynamoDbTable } from "../../src/adapters/table-dynamodb.ts";
import type { Table, Write } from "../../src/adapters/table.ts";
import { OutsideError } from "../../src/core/problem.ts";

/** What no stand-in does by itself: DynamoDB is busy with another's transaction, or refuses. */
describe("a DynamoDB that refuses", () => {
  let table: Table;
  let close: () => Promise<void>;
  let asked: { operation: string; body: Record<string, unknown> }[];
  let answers: Answer[];
  beforeEach(async () => {
    asked = [];
    answers = [];
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        const operation = String(req.headers["x-amz-target"]).replace(/^.*\./, "");
        asked.push({ operation, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown> });
        // The last answer is given for ever.
        const { status, ...body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? DONE;
        res.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = new DynamoDBClient({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: "eu-west-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });
    table = createDynamoDbTable({ table: "proa", client });
    close = async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    };
  });
  afterEach(() => close());

  const put = (sk: string): Write => ({ kind: "put", key: { pk: "p", sk }, value: 1, when: { kind: "absent" } });
  const failure = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return error instanceof OutsideError ? error.problem : error;
  };

  test("a transaction is tried again as the same one while another's is under way", async () => {
    answers = [canceled("None", "TransactionConflict"), canceled("ThrottlingError", "None"), DONE];
    expect(await table.write([put("a"), put("b")])).toBe("written");
    expect(asked.map(({ operation }) => operation)).toEqual(Array.from({ length: 3 }, () => "TransactWriteItems"));
    const [first, ...others] = asked.map(({ body }) => body);
    expect(first?.["ClientRequestToken"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(others).toEqual([first, first]);
  });

  test("a single write is tried again while a transaction has its item", async () => {
    answers = [refused("TransactionConflictException"), DONE];
    expect(await table.write([put("a")])).toBe("written");
    expect(asked.map(({ operation }) => operation)).toEqual(["UpdateItem", "UpdateItem"]);
  });

  test("a condition that does not hold is a conflict, whatever else is the matter", async () => {
    answers = [canceled("TransactionConflict", "ConditionalCheckFailed")];
    expect(await table.write([put("a"), put("b")])).toBe("conflict");
    expect(asked).toHaveLength(1);
  });

  test("an item that is busy for good is a failure with a name, and never a conflict", async () => {
    answers = [canceled("TransactionConflict", "None")];
    expect(await failure(table.write([put("a"), put("b")]))).toEqual({
      code: "unavailable",
      detail: "write p a and 1 more: transactions of others held it through 6 attempts",
      retryable: true,
    });
  });

  test.each(["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"])(
    "%s: nothing was written, and it may be tried again later",
    async (name) => {
      answers = [refused(name)];
      expect(await failure(table.write([put("a")]))).toMatchObject({ code: "unavailable", retryable: true });
      expect(await failure(table.get({ pk: "p", sk: "a" }))).toMatchObject({ code: "unavailable", retryable: true });
    },
  );

  test("an error of its own leaves a write's result unknown", async () => {
    answers = [refused("InternalServerError", 500)];
    expect(await failure(table.write([put("a")]))).toMatchObject({ code: "unknown-result" });
    expect(await failure(table.query("p"))).toMatchObject({ code: "unavailable" });
  });

  test("a right that is missing, or a table, is thrown with what was tried: no record could tell of it", async () => {
    for (const name of ["AccessDeniedException", "ResourceNotFoundException"]) {
      answers = [refused(name)];
      const error = await failure(table.get({ pk: "p", sk: "a" }));
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toBe(`proa: read p a: ${name}: because`);
    }
  });
});

type Answer = { readonly status: number } & Readonly<Record<string, unknown>>;
const DONE: Answer = { status: 200 };
const refused = (name: string, status = 400): Answer => ({
  status,
  __type: `com.amazonaws.dynamodb.v20120810#${name}`,
  message: "because",
});
const canceled = (...codes: string[]): Answer => ({
  ...refused("TransactionCanceledException"),
  CancellationReasons: codes.map((Code) => ({ Code })),
});
