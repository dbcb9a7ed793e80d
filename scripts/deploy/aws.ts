import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Stop } from "../installation/stop.ts";

/** An account and region, and clients that speak to it as one person. */
export interface Aws {
  readonly account: string;
  readonly region: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
  /** Who acts, as AWS names them. */
  readonly caller: string;
  readonly cloudFormation: CloudFormationClient;
  readonly dynamoDb: DynamoDBClient;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly s3: S3Client;
  readonly secretsManager: SecretsManagerClient;
  readonly sqs: SQSClient;
}

/** The SDK's own chain of credentials; the region from the flag, AWS_REGION, AWS_DEFAULT_REGION or the profile. */
export async function connect({
  region,
  profile,
}: {
  readonly region: string | null;
  readonly profile: string | null;
}): Promise<Aws> {
  const named = region ?? (process.env["AWS_REGION"] || process.env["AWS_DEFAULT_REGION"] || null);
  const config = { ...(named === null ? {} : { region: named }), ...(profile === null ? {} : { profile }) };
  const sts = new STSClient(config);
  const where = await sts.config.region().catch((cause: unknown) => {
    throw new Stop("no AWS region is set: add --region eu-west-1, or set AWS_REGION", { cause });
  });
  const { Account: account = "", Arn: caller = "" } = await sts.send(new GetCallerIdentityCommand());
  const regional = { ...config, region: where };
  return {
    account,
    region: where,
    partition: caller.split(":")[1] ?? "aws",
    caller,
    cloudFormation: new CloudFormationClient(regional),
    dynamoDb: new DynamoDBClient(regional),
    lambda: new LambdaClient(regional),
    logs: new CloudWatchLogsClient(regional),
    s3: new S3Client(regional),
    secretsManager: new SecretsManagerClient(regional),
    sqs: new SQSClient(regional),
  };
}

/** `assumed-role/Admin/jane` of an ARN: what a person recognises. */
export const callerName = (arn: string): string => arn.split(":").slice(5).join(":");

/** The answer, or null where the thing asked for is not there; `names` are AWS' words for that. */
export async function unlessMissing<T>(asked: Promise<T>, ...names: readonly string[]): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && names.includes(error.name)) return null;
    throw error;
  }
}
