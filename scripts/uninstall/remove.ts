import { UpdateTerminationProtectionCommand } from "@aws-sdk/client-cloudformation";
import { DeleteTableCommand, DescribeTableCommand, UpdateTableCommand } from "@aws-sdk/client-dynamodb";
import { PutFunctionConcurrencyCommand } from "@aws-sdk/client-lambda";
import { DeleteObjectsCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { DeleteSecretCommand } from "@aws-sdk/client-secrets-manager";
import { setTimeout as delay } from "node:timers/promises";
import { artifactsStack, type Artifacts } from "../deploy/artifacts.ts";
import { type Aws, unlessMissing } from "../deploy/aws.ts";
import { deleteStack } from "../deploy/change-set.ts";
import { failureText } from "../deploy/failure-text.ts";
import { firstFailure } from "../deploy/failures.ts";
import { Stop } from "../installation/stop.ts";
import { countInFlight, type InFlight, type SecretFound } from "./inventory.ts";

type Print = (line: string) => void;

/** GitHub is answered with an error from now on. The stack does not know of it: whoever stops half-way has to open it again. */
export async function closeIntake({ lambda }: Aws, stack: string, print: Print): Promise<void> {
  const FunctionName = `${stack}-webhook`;
  const close = new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 });
  if ((await unlessMissing(lambda.send(close), "ResourceNotFoundException")) === null) return;
  print(
    `Webhooks are refused now. To stop here and let them in again:\naws lambda delete-function-concurrency --function-name ${FunctionName}`,
  );
}

const DRAIN_MS = 120_000;

/** Waits until nothing is being deployed or reported; ticks are no work, and a waiting target has one for ever. */
export async function drain(aws: Aws, stack: string): Promise<InFlight> {
  const until = Date.now() + DRAIN_MS;
  for (;;) {
    const inFlight = await countInFlight(aws, stack);
    if (inFlight.deployer + inFlight.reporter === 0 || Date.now() > until) return inFlight;
    await delay(2_000);
  }
}

/** The stack itself, or what a removal that failed half-way left of it. */
export async function removeStack(aws: Aws, stack: string, print: Print): Promise<void> {
  await aws.cloudFormation.send(
    new UpdateTerminationProtectionCommand({ StackName: stack, EnableTerminationProtection: false }),
  );
  await deleteOrStop(aws, stack, print);
}

async function deleteOrStop(aws: Aws, stack: string, print: Print): Promise<void> {
  const ended = await deleteStack(aws, stack, print);
  if (ended === null || ended.status === "DELETE_COMPLETE") return;
  const failure = firstFailure(ended.events, ended.events[0]?.StackId ?? "");
  throw new Stop(`${failureText(failure, ended.status, stack)}\nMend that, and run this again.`);
}

export async function removeSecret({ secretsManager }: Aws, { arn }: SecretFound, forget: boolean): Promise<void> {
  const how = forget ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: 30 };
  await secretsManager.send(new DeleteSecretCommand({ SecretId: arn, ...how }));
}

export async function removeTable({ dynamoDb }: Aws, name: string): Promise<void> {
  const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName: name }));
  if (Table?.DeletionProtectionEnabled === true)
    await dynamoDb.send(new UpdateTableCommand({ TableName: name, DeletionProtectionEnabled: false }));
  await dynamoDb.send(new DeleteTableCommand({ TableName: name }));
  const asked = () =>
    unlessMissing(dynamoDb.send(new DescribeTableCommand({ TableName: name })), "ResourceNotFoundException");
  while ((await asked()) !== null) await delay(1_000);
}

/** The stack of the bundles; a creation of it that failed has no bucket. */
export async function removeArtifacts(
  aws: Aws,
  stack: string,
  artifacts: Artifacts | null,
  print: Print,
): Promise<void> {
  if (artifacts !== null) await emptyBucket(aws, artifacts);
  await deleteOrStop(aws, artifactsStack(stack), print);
}

/** A bucket goes only when it is empty, of old versions too. It is the deploy's own and holds nothing else. */
async function emptyBucket(aws: Aws, { bucket }: Artifacts): Promise<void> {
  for (;;) {
    const page = await aws.s3.send(new ListObjectVersionsCommand({ Bucket: bucket, ExpectedBucketOwner: aws.account }));
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (found.length === 0) return;
    const Objects = found.map(({ Key = "", VersionId }) => ({ Key, VersionId }));
    const { Errors = [] } = await aws.s3.send(
      new DeleteObjectsCommand({ Bucket: bucket, ExpectedBucketOwner: aws.account, Delete: { Objects, Quiet: true } }),
    );
    const [failed] = Errors;
    if (failed !== undefined)
      throw new Stop(`s3://${bucket}/${failed.Key} cannot be deleted: ${failed.Message ?? failed.Code}`);
  }
}
