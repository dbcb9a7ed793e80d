import {
  type CloudFormationClient,
  ListStackResourcesCommand,
  type StackResourceSummary,
} from "@aws-sdk/client-cloudformation";
import { DescribeTableCommand, ListTagsOfResourceCommand } from "@aws-sdk/client-dynamodb";
import { DescribeSecretCommand, GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { GetQueueAttributesCommand, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { type Artifacts, findArtifacts } from "../deploy/artifacts.ts";
import { type Aws, unlessMissing } from "../deploy/aws.ts";
import { OWNER_TAG } from "../deploy/leftovers.ts";
import { appSecretId, parseSecret, textIn, webhookSecretId } from "../installation/secrets.ts";
import { describeStack, type Stack } from "../installation/stack.ts";
import { Stop } from "../installation/stop.ts";

/** Everything of an install that is there, in the stack or outside of it: what is left of it after half an uninstall too. */
export interface Inventory {
  readonly stack: Stack | null;
  readonly resources: number;
  /** The stack's, and one that it was pointed at instead. */
  readonly tables: readonly TableFound[];
  readonly secrets: readonly SecretFound[];
  readonly artifacts: Artifacts | null;
  /** null: the App's secret is empty or may not be read. */
  readonly appSlug: string | null;
  readonly inFlight: InFlight;
}

export interface TableFound {
  readonly name: string;
  readonly arn: string;
  readonly items: number;
  /** It carries our label. One that somebody restored from a backup has none, and is theirs to remove. */
  readonly isOurs: boolean;
}

export interface SecretFound {
  readonly arn: string;
  readonly name: string;
  /** Somebody deleted it before, and it is gone by itself when its time is over. */
  readonly isWaiting: boolean;
}

/** Messages by queue: being worked on, waiting for it, given up. */
export interface InFlight {
  readonly deployer: number;
  readonly reporter: number;
  readonly ticks: number;
  readonly dead: number;
}

export async function takeInventory(aws: Aws, name: string): Promise<Inventory> {
  const found = await describeStack(name, aws.cloudFormation);
  const stack = found?.status === "DELETE_COMPLETE" ? null : found;
  const { ExistingTable, ExistingWebhookSecret, ExistingAppSecret } = stack?.parameters ?? {};
  const [resources, tables, webhook, app, artifacts, appSlug, inFlight] = await Promise.all([
    stack === null ? 0 : stackResources(aws.cloudFormation, name).then(({ length }) => length),
    Promise.all([...new Set([name, ExistingTable || name])].map((table) => findTable(aws, table, name))),
    findSecret(aws, ExistingWebhookSecret || webhookSecretId(name), name),
    findSecret(aws, ExistingAppSecret || appSecretId(name), name),
    findArtifacts(aws, name),
    findSlug(aws, ExistingAppSecret || appSecretId(name)),
    countInFlight(aws, name),
  ]);
  const secrets = [webhook, app].filter((secret) => secret !== null);
  return { stack, resources, tables: tables.filter((table) => table !== null), secrets, artifacts, appSlug, inFlight };
}

async function stackResources(cloudFormation: CloudFormationClient, stack: string): Promise<StackResourceSummary[]> {
  const found: StackResourceSummary[] = [];
  let token: string | undefined;
  do {
    const page = await cloudFormation.send(new ListStackResourcesCommand({ StackName: stack, NextToken: token }));
    found.push(...(page.StackResourceSummaries ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return found.filter(({ ResourceStatus }) => ResourceStatus !== "DELETE_COMPLETE");
}

async function findTable({ dynamoDb }: Aws, name: string, stack: string): Promise<TableFound | null> {
  const asked = dynamoDb.send(new DescribeTableCommand({ TableName: name }));
  const table = (await unlessMissing(asked, "ResourceNotFoundException"))?.Table;
  if (table?.TableArn === undefined || table.TableStatus === "DELETING") return null;
  const { Tags = [] } = await dynamoDb.send(new ListTagsOfResourceCommand({ ResourceArn: table.TableArn }));
  const isOurs = Tags.some(({ Key, Value }) => Key === OWNER_TAG && Value === stack);
  return { name, arn: table.TableArn, items: table.ItemCount ?? 0, isOurs };
}

async function findSecret({ secretsManager }: Aws, id: string, stack: string): Promise<SecretFound | null> {
  const asked = secretsManager.send(new DescribeSecretCommand({ SecretId: id }));
  const secret = await unlessMissing(asked, "ResourceNotFoundException");
  const isOurs = secret?.Tags?.some(({ Key, Value }) => Key === OWNER_TAG && Value === stack) === true;
  if (secret?.ARN === undefined || !isOurs) return null;
  return { arn: secret.ARN, name: secret.Name ?? id, isWaiting: secret.DeletedDate !== undefined };
}

/** Of the App, which is GitHub's and stays there: only its name, to link to it. */
async function findSlug({ secretsManager }: Aws, id: string): Promise<string | null> {
  const asked = secretsManager.send(new GetSecretValueCommand({ SecretId: id }));
  const nobody = ["ResourceNotFoundException", "InvalidRequestException", "AccessDeniedException"];
  const value = await unlessMissing(asked, ...nobody);
  try {
    return textIn(parseSecret(id, value?.SecretString ?? ""), "PROA_GITHUB_APP_SLUG");
  } catch (error) {
    // What cannot be read can be removed all the same.
    if (error instanceof Stop) return null;
    throw error;
  }
}

export async function countInFlight(aws: Aws, stack: string): Promise<InFlight> {
  const count = (name: string): Promise<number> => messages(aws, `${stack}-${name}`);
  const [deployer, reporter, ticks, ...dead] = await Promise.all([
    count("deployer.fifo"),
    count("reporter.fifo"),
    count("tick"),
    count("deployer-dead.fifo"),
    count("reporter-dead.fifo"),
    count("tick-dead"),
  ]);
  return { deployer, reporter, ticks, dead: dead.reduce((sum, n) => sum + n, 0) };
}

async function messages({ sqs }: Aws, name: string): Promise<number> {
  const gone = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];
  const url = (await unlessMissing(sqs.send(new GetQueueUrlCommand({ QueueName: name })), ...gone))?.QueueUrl;
  if (url === undefined) return 0;
  const asked = sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...WAITING] }));
  const { Attributes = {} } = (await unlessMissing(asked, ...gone)) ?? {};
  return WAITING.reduce((sum, attribute) => sum + Number(Attributes[attribute] ?? 0), 0);
}

const WAITING = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;
