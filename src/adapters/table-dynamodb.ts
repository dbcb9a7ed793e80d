import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteItemsCommand,
  type TransactWriteItem,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { isContended, isUnmet, outsideError } from "./dynamodb-errors.ts";
import { asKey, conditionOf, type Row, toItem, updateOf } from "./dynamodb-items.ts";
import { type Encoded, encode, keyText } from "./table-limits.ts";
import type { Item, Table, Write } from "./table.ts";

export interface DynamoDbTableOptions {
  readonly table: string;
  readonly client?: DynamoDBClient;
  /** Whose time makes items expire. */
  readonly now?: () => Millis;
}

/** How often a write is tried while transactions of others hold its items; together about a second. */
const TRIES = 6;
const FIRST_PAUSE_MS = 20;

/**
 * The table on DynamoDB. Reads are consistent but for the index. A write that is repeated, by the SDK or here, is known as the
 * same one: a transaction by its token, a single put by the id it leaves in the item. So an answer that was lost is neither
 * taken for a conflict nor for success.
 */
export function createDynamoDbTable({ table, client = dynamoDbClient(), now = Date.now }: DynamoDbTableOptions): Table {
  async function get(key: { readonly pk: string; readonly sk: string }): Promise<Item | null> {
    const command = new GetItemCommand({ TableName: table, Key: asKey(key), ConsistentRead: true });
    const { Item: row } = await asked(`read ${keyText(key)}`, () => client.send(command));
    return row === undefined ? null : toItem(row, now());
  }

  /** Every page of it, until there are as many rows as wanted. */
  async function pages(what: string, input: Omit<QueryCommandInput, "TableName">, most = Infinity): Promise<Row[]> {
    const rows: Row[] = [];
    let next: Row | undefined;
    do {
      const command = new QueryCommand({
        ...input,
        TableName: table,
        ...(next === undefined ? {} : { ExclusiveStartKey: next }),
      });
      const page = await asked(what, () => client.send(command));
      rows.push(...(page.Items ?? []));
      next = page.LastEvaluatedKey;
    } while (next !== undefined && rows.length < most);
    return rows.slice(0, most);
  }

  /** The SDK's own retries send the same id again: finding it in the item, the first attempt has succeeded. */
  async function putOne(write: Extract<Encoded, { kind: "put" }>): Promise<Outcome> {
    const id = randomUUID();
    const command = new UpdateItemCommand({
      TableName: table,
      ...updateOf(write, { id, now: now() }),
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    try {
      await client.send(command);
      return "written";
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException)
        return error.Item?.["writer"]?.S === id ? "written" : "conflict";
      if (isContended(error)) return "contended";
      throw error;
    }
  }

  /** What a repetition of it finds done already is done, so it may be repeated. */
  async function deleteOne({ key }: Encoded): Promise<Outcome> {
    await client.send(new DeleteItemCommand({ TableName: table, Key: asKey(key) }));
    return "written";
  }

  function transaction(writes: readonly Encoded[]): () => Promise<Outcome> {
    // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html: ten minutes long the same token
    // is the same transaction, and one that was done is not done again.
    const id = randomUUID();
    const at = now();
    const items = writes.map((write): TransactWriteItem => {
      if (write.kind === "put") return { Update: { TableName: table, ...updateOf(write, { id, now: at }) } };
      return { Delete: { TableName: table, Key: asKey(write.key), ...conditionOf(write.when, at) } };
    });
    return async () => {
      try {
        await client.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: id }));
        return "written";
      } catch (error) {
        if (isUnmet(error)) return "conflict";
        if (isContended(error)) return "contended";
        throw error;
      }
    };
  }

  return {
    get,
    query: async (pk, prefix = "") => {
      const rows = await pages(`list ${pk} ${prefix}`, {
        KeyConditionExpression: `#pk = :pk${prefix === "" ? "" : " AND begins_with(#sk, :prefix)"}`,
        ExpressionAttributeNames: { "#pk": "pk", ...(prefix === "" ? {} : { "#sk": "sk" }) },
        ExpressionAttributeValues: { ":pk": { S: pk }, ...(prefix === "" ? {} : { ":prefix": { S: prefix } }) },
        ConsistentRead: true,
      });
      const at = now();
      return rows.flatMap((row) => toItem(row, at) ?? []);
    },
    due: async (index, before, limit) => {
      const rows = await pages(
        `list what is due of ${index}`,
        {
          IndexName: "due",
          KeyConditionExpression: "#index = :index AND #at <= :before",
          ExpressionAttributeNames: { "#index": "dueIndex", "#at": "dueAt", "#pk": "pk", "#sk": "sk" },
          ExpressionAttributeValues: { ":index": { S: index }, ":before": { N: `${before}` } },
          ProjectionExpression: "#pk, #sk",
          Limit: limit,
        },
        limit,
      );
      // The index is behind the items; they themselves say whether they are due.
      const items = await Promise.all(rows.map((row) => get({ pk: textOf(row, "pk"), sk: textOf(row, "sk") })));
      return items
        .filter((item) => item?.due?.index === index && item.due.at <= before)
        .flatMap((item) => item ?? [])
        .sort((a, b) => (a.due?.at ?? 0) - (b.due?.at ?? 0));
    },
    write: async (writes: readonly Write[]) => {
      const encoded = encode(writes);
      const [only, ...others] = encoded;
      if (only === undefined) return "written";
      const what = `write ${keyText(only.key)}${others.length > 0 ? ` and ${others.length} more` : ""}`;
      const attempt = others.length > 0 ? transaction(encoded) : alone(only);
      return asked(what, () => untilUncontended(what, attempt), "unknown-result");
    },
  };

  function alone(write: Encoded): () => Promise<Outcome> {
    if (write.kind === "put") return () => putOne(write);
    // A condition that fails on a repetition would not tell whose deletion it was; a transaction's token does.
    return write.when.kind === "always" ? () => deleteOne(write) : transaction([write]);
  }

  async function asked<T>(
    what: string,
    work: () => Promise<T>,
    unanswered: "unavailable" | "unknown-result" = "unavailable",
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw outsideError(error, `${table}: ${what}`, unanswered);
    }
  }
}

/** Short waits: a function that hangs on one lost answer is paid for, and holds up its target. */
function dynamoDbClient(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/** `contended`: nothing was written, and nothing is known about the conditions. */
type Outcome = "written" | "conflict" | "contended";

async function untilUncontended(what: string, attempt: () => Promise<Outcome>): Promise<"written" | "conflict"> {
  for (let tried = 1; ; tried++) {
    const outcome = await attempt();
    if (outcome !== "contended") return outcome;
    if (tried === TRIES) {
      const detail = `${what}: transactions of others held it through ${TRIES} attempts`;
      throw new OutsideError({ code: "unavailable", detail, retryable: true });
    }
    // Two that meet must not meet again.
    await pause(Math.random() * FIRST_PAUSE_MS * 2 ** tried);
  }
}

const textOf = (row: Readonly<Record<string, AttributeValue>>, name: string): string => row[name]?.S ?? "";
