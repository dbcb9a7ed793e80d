import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { expect, test } from "vitest";
import { CALLS, FUNCTIONS, type FunctionName } from "../infra/iam-used.ts";
import { day } from "../journeys/day.ts";
import { credentialsOf } from "./execution.ts";
import { clientOptions } from "./ministack.ts";
import { worldsOnAws } from "./worlds.ts";

const { account, proa, startWorld } = worldsOnAws();

day(startWorld);

test("in that day each function has asked AWS for what it is known to ask for, and for nothing else", () => {
  const names = new Map(FUNCTIONS.map((name) => [credentialsOf(proa().stack, name).accessKeyId, name]));
  const asked = Map.groupBy(account().gateway.calls, ({ accessKeyId }) => names.get(accessKeyId) ?? "nobody");
  const actions = (name: FunctionName | "nobody"): string[] =>
    [...new Set((asked.get(name) ?? []).map(({ action }) => action))].toSorted();
  expect(actions("nobody")).toEqual([]);
  expect(Object.fromEntries(FUNCTIONS.map((name) => [name, actions(name)]))).toEqual(CALLS);
});

test("what a role does not allow is refused", async () => {
  const { env } = account();
  const { stack, outputs } = proa();
  const dynamo = new DynamoDBClient({ ...clientOptions(env), credentials: credentialsOf(stack, "webhook") });
  const key = { pk: { S: "repos" }, sk: { S: "1" } };
  await expect(dynamo.send(new GetItemCommand({ TableName: outputs["TableName"], Key: key }))).rejects.toThrow(
    `${stack}-webhook is not authorized to perform: dynamodb:GetItem`,
  );
});

test("in that day AWS has refused nothing", () => {
  const refused = account().gateway.calls.filter(({ status, response }) => status >= 400 && !ANSWERS.test(response));
  expect(refused.map(({ action, response }) => `${action}: ${response}`)).toEqual([]);
});

/** What is no refusal: a condition that does not hold, an image that is not there yet. */
const ANSWERS = /ConditionalCheckFailed|TransactionCanceled|ImageNotFound|RepositoryNotFound/;
