import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Millis } from "../core/names.ts";
import type { Encoded } from "./table-limits.ts";
import type { Condition, Item, Key } from "./table.ts";

/** An item as DynamoDB has it: `pk`, `sk`, `value` (JSON), `version`, `writer`, and if any `dueIndex`, `dueAt`, `expiresAt` (seconds). */
export type Row = Record<string, AttributeValue>;

/** null: expired. DynamoDB throws away what has expired within days, and until then it can be read. */
export function toItem(row: Row, now: Millis): Item | null {
  const { pk, sk, value, version, dueIndex, dueAt, expiresAt } = row;
  if (pk?.S === undefined || sk?.S === undefined || value?.S === undefined || version?.N === undefined)
    throw new Error(`not an item of this table: ${JSON.stringify(Object.keys(row))}`);
  if (expiresAt?.N !== undefined && Number(expiresAt.N) <= seconds(now)) return null;
  const due = dueIndex?.S === undefined || dueAt?.N === undefined ? null : { index: dueIndex.S, at: Number(dueAt.N) };
  return { pk: pk.S, sk: sk.S, value: JSON.parse(value.S), version: Number(version.N), due };
}

export const asKey = ({ pk, sk }: Key): Row => ({ pk: { S: pk }, sk: { S: sk } });

/** An update and not a put, since only an update can count: the version of what is written whatever was there. */
export function updateOf(
  { key, text, when, due, expiresAt }: Extract<Encoded, { kind: "put" }>,
  { id, now }: { readonly id: string; readonly now: Millis },
) {
  const attributes: Record<string, AttributeValue | null> = {
    value: { S: text },
    writer: { S: id },
    dueIndex: due ? { S: due.index } : null,
    dueAt: due ? { N: `${due.at}` } : null,
    // Whole seconds, the next one: never sooner than asked for.
    expiresAt: expiresAt === undefined ? null : { N: `${Math.ceil(expiresAt / 1_000)}` },
  };
  const names = Object.keys(attributes);
  const set = names.filter((name) => attributes[name] !== null);
  const removed = names.filter((name) => attributes[name] === null);
  const version =
    when.kind === "always"
      ? { expression: "if_not_exists(#version, :zero) + :one", values: { ":zero": number(0), ":one": number(1) } }
      : { expression: ":next", values: { ":next": number(when.kind === "absent" ? 1 : when.version + 1) } };
  const condition = conditionOf(when, now);
  return {
    Key: asKey(key),
    UpdateExpression: [
      `SET #version = ${version.expression}, ${set.map((name) => `#${name} = :${name}`).join(", ")}`,
      ...(removed.length === 0 ? [] : [`REMOVE ${removed.map((name) => `#${name}`).join(", ")}`]),
    ].join(" "),
    ...condition,
    ExpressionAttributeNames: {
      ...Object.fromEntries(["version", ...names].map((name) => [`#${name}`, name])),
      ...condition.ExpressionAttributeNames,
    },
    ExpressionAttributeValues: {
      ...Object.fromEntries(set.flatMap((name) => [[`:${name}`, attributes[name]]])),
      ...version.values,
      ...condition.ExpressionAttributeValues,
    } as Row,
  };
}

/** What has expired is not there, whether DynamoDB has thrown it away or not. */
export function conditionOf(when: Condition, now: Millis) {
  if (when.kind === "always") return {};
  const at = { ExpressionAttributeNames: { "#expiresAt": "expiresAt" }, values: { ":now": number(seconds(now)) } };
  if (when.kind === "absent") {
    return {
      ConditionExpression: "attribute_not_exists(#pk) OR #expiresAt <= :now",
      ExpressionAttributeNames: { "#pk": "pk", ...at.ExpressionAttributeNames },
      ExpressionAttributeValues: at.values,
    };
  }
  return {
    ConditionExpression: "#version = :version AND (attribute_not_exists(#expiresAt) OR #expiresAt > :now)",
    ExpressionAttributeNames: { "#version": "version", ...at.ExpressionAttributeNames },
    ExpressionAttributeValues: { ":version": number(when.version), ...at.values },
  };
}

const number = (value: number): AttributeValue => ({ N: `${value}` });
const seconds = (at: Millis): number => Math.floor(at / 1_000);
