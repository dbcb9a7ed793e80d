import { DescribeTableCommand, ListTagsOfResourceCommand } from "@aws-sdk/client-dynamodb";
import { DescribeSecretCommand, RestoreSecretCommand } from "@aws-sdk/client-secrets-manager";
import { type Aws, unlessMissing } from "./aws.ts";

/** What an earlier install of the same name left, and a new one goes on with: nothing is lost by an uninstall. */
export interface Leftovers {
  readonly parameters: Readonly<Record<string, string>>;
  /** A line each. */
  readonly told: readonly string[];
  /** Secrets that wait to be deleted, by ARN: they must be restored before a function can read them. */
  readonly toRestore: readonly string[];
}

export const NO_LEFTOVERS: Leftovers = { parameters: {}, told: [], toRestore: [] };
export const OWNER_TAG = "proa:stack";

export async function findLeftovers(aws: Aws, stack: string): Promise<Leftovers> {
  const found = await Promise.all([
    findTable(aws, stack),
    findSecret(aws, stack, `${stack}/webhook`, "ExistingWebhookSecret"),
    findSecret(aws, stack, `${stack}/app`, "ExistingAppSecret"),
  ]);
  return {
    parameters: Object.assign({}, ...found.map(({ parameters }) => parameters)) as Record<string, string>,
    told: found.flatMap(({ told }) => told),
    toRestore: found.flatMap(({ toRestore }) => toRestore),
  };
}

export async function restoreSecrets({ secretsManager }: Aws, { toRestore }: Leftovers): Promise<void> {
  for (const arn of toRestore) await secretsManager.send(new RestoreSecretCommand({ SecretId: arn }));
}

/** Only what carries our label: another's table of the same name is left for CloudFormation to trip over, and to name. */
async function findTable({ dynamoDb }: Aws, stack: string): Promise<Leftovers> {
  const asked = dynamoDb.send(new DescribeTableCommand({ TableName: stack }));
  const table = (await unlessMissing(asked, "ResourceNotFoundException"))?.Table;
  if (table?.TableArn === undefined) return NO_LEFTOVERS;
  const { Tags = [] } = await dynamoDb.send(new ListTagsOfResourceCommand({ ResourceArn: table.TableArn }));
  if (!isOurs(Tags, stack)) return NO_LEFTOVERS;
  return {
    parameters: { ExistingTable: stack },
    told: [`the table ${stack}, with about ${table.ItemCount ?? 0} records`],
    toRestore: [],
  };
}

async function findSecret({ secretsManager }: Aws, stack: string, id: string, parameter: string): Promise<Leftovers> {
  const asked = secretsManager.send(new DescribeSecretCommand({ SecretId: id }));
  const secret = await unlessMissing(asked, "ResourceNotFoundException");
  if (secret?.ARN === undefined || !isOurs(secret.Tags ?? [], stack)) return NO_LEFTOVERS;
  const isWaiting = secret.DeletedDate !== undefined;
  return {
    parameters: { [parameter]: secret.ARN },
    told: [`the secret ${id}${isWaiting ? ", which waited to be deleted" : ""}`],
    toRestore: isWaiting ? [secret.ARN] : [],
  };
}

const isOurs = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[], stack: string): boolean =>
  tags.some(({ Key, Value }) => Key === OWNER_TAG && Value === stack);
