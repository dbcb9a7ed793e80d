import { DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import { GetFunctionConfigurationCommand, LambdaClient, ListEventSourceMappingsCommand } from "@aws-sdk/client-lambda";
import { GetQueueAttributesCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { textIn } from "../installation/secrets.ts";
import type { Secrets, SecretValues } from "../installation/secrets.ts";
import { secretIds, type Stack } from "../installation/stack.ts";
import { createSqs } from "../installation/sqs.ts";
import { alarmsFiring } from "./alarms.ts";
import { type Known, known } from "./check.ts";

export const FUNCTIONS = ["webhook", "deployer", "reporter", "tick", "sweeper"] as const;
export type FunctionName = (typeof FUNCTIONS)[number];
const CONSUMERS = ["deployer", "reporter", "tick"] as const;
export type Consumer = (typeof CONSUMERS)[number];

export interface FunctionView {
  readonly state: string;
  readonly lastUpdate: string;
  readonly runtime: string;
  readonly role: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface QueueView {
  readonly waiting: number;
  readonly dead: number;
  /** Whether the queue's messages reach its function. */
  readonly consumed: boolean;
}

export interface AwsFacts {
  readonly stack: Stack;
  readonly functions: Readonly<Record<FunctionName, Known<FunctionView>>>;
  readonly queues: Readonly<Record<Consumer, Known<QueueView>>>;
  readonly table: Known<{ readonly status: string; readonly indexes: readonly { name: string; status: string }[] }>;
  /** Rules that wake the sweeper, by name. */
  readonly schedules: Known<readonly { readonly name: string; readonly enabled: boolean }[]>;
  readonly alarms: Known<readonly string[]>;
  readonly secrets: Known<{ readonly app: SecretValues; readonly webhook: SecretValues }>;
  /** What the webhook's URL answers to a delivery that is signed with the stored secret. */
  readonly ping: Known<{ readonly status: number; readonly body: string }>;
}

/** Reads the whole installation with the caller's credentials; the one thing it sends is a signed ping, which nothing comes of. */
export async function awsFacts(stack: Stack, secrets: Secrets, ping: PingWebhook): Promise<AwsFacts> {
  const lambda = new LambdaClient();
  const sqs = createSqs();
  const dynamodb = new DynamoDBClient();
  const events = new EventBridgeClient();
  const ids = secretIds(stack);

  const stored = known(async () => {
    const [app, webhook] = await Promise.all([secrets.read(ids.app), secrets.read(ids.webhook)]);
    return { app, webhook };
  });
  const [functions, queues, table, schedules, alarms, values] = await Promise.all([
    eachOf(FUNCTIONS, (name) => functionView(lambda, `${stack.name}-${name}`)),
    eachOf(CONSUMERS, (name) => queueView({ lambda, sqs, stack, name })),
    known(async () => {
      const { Table } = await dynamodb.send(
        new DescribeTableCommand({ TableName: stack.outputs["TableName"] ?? stack.name }),
      );
      const indexes = (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName = "", IndexStatus = "" }) => ({
        name: IndexName,
        status: IndexStatus,
      }));
      return { status: Table?.TableStatus ?? "", indexes };
    }),
    known(async () => {
      const { Rules = [] } = await events.send(new ListRulesCommand({ NamePrefix: `${stack.name}-sweep-` }));
      return Rules.map(({ Name = "", State }) => ({ name: Name, enabled: State === "ENABLED" }));
    }),
    known(() => alarmsFiring(stack.name)),
    stored,
  ]);
  const secret = values.kind === "known" ? textIn(values.value.webhook, "PROA_WEBHOOK_SECRETS") : null;
  const pinged = await known(() => ping(stack.outputs["WebhookUrl"] ?? "", secret?.split(/[,\n]/)[0]?.trim() ?? ""));
  return { stack, functions, queues, table, schedules, alarms, secrets: values, ping: pinged };
}

export type PingWebhook = (url: string, secret: string) => Promise<{ readonly status: number; readonly body: string }>;

async function eachOf<const N extends string, T>(
  names: readonly N[],
  read: (name: N) => Promise<T>,
): Promise<Record<N, Known<T>>> {
  const found = await Promise.all(names.map(async (name) => [name, await known(() => read(name))] as const));
  return Object.fromEntries(found) as Record<N, Known<T>>; // one entry per name
}

async function functionView(lambda: LambdaClient, name: string): Promise<FunctionView> {
  const found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
  return {
    state: found.State ?? "",
    lastUpdate: found.LastUpdateStatus ?? "",
    runtime: found.Runtime ?? "",
    role: found.Role ?? "",
    environment: found.Environment?.Variables ?? {},
  };
}

interface QueueLook {
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;
  readonly stack: Stack;
  readonly name: Consumer;
}

async function queueView({ lambda, sqs, stack, name }: QueueLook): Promise<QueueView> {
  const title = `${name[0]?.toUpperCase() ?? ""}${name.slice(1)}`;
  const count = async (url: string | undefined): Promise<number> => {
    if (url === undefined) throw new Error(`the stack does not say the address of the ${name} queue`);
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["ApproximateNumberOfMessages"] }),
    );
    return Number(Attributes["ApproximateNumberOfMessages"] ?? Number.NaN);
  };
  const [waiting, dead, { EventSourceMappings = [] }] = await Promise.all([
    count(stack.outputs[`${title}QueueUrl`]),
    count(stack.outputs[`${title}DeadQueueUrl`]),
    lambda.send(new ListEventSourceMappingsCommand({ FunctionName: `${stack.name}-${name}` })),
  ]);
  return { waiting, dead, consumed: EventSourceMappings.some(({ State }) => State === "Enabled") };
}
