import { expect, test } from "vitest";
import { deployer, resource, resources, stacks } from "./templates.ts";

const HOLDS_DATA = [
  "AWS::DynamoDB::Table",
  "AWS::SecretsManager::Secret",
  "AWS::SQS::Queue",
  "AWS::Logs::LogGroup",
  "AWS::S3::Bucket",
];

test("the table is what the store expects", () => {
  expect(resource(deployer, "Table").properties).toMatchObject({
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: "due",
        KeySchema: [
          { AttributeName: "dueIndex", KeyType: "HASH" },
          { AttributeName: "dueAt", KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "KEYS_ONLY" },
      },
    ],
    TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
  });
});

test("what is remembered can be had back as of any second of the last weeks", () => {
  for (const { properties } of resources(deployer, "AWS::DynamoDB::Table"))
    expect(properties["PointInTimeRecoverySpecification"]).toEqual({ PointInTimeRecoveryEnabled: true });
});

test("whatever holds data says what happens to it when the stack goes", () => {
  const silent = stacks.flatMap((stack) =>
    resources(stack).filter(
      ({ type, policies }) =>
        HOLDS_DATA.includes(type) && (policies.deletion === null || policies.replacement === null),
    ),
  );
  expect(silent).toEqual([]);
});

test("table and secrets outlive the stack, but not a creation that failed", () => {
  const kept = resources(deployer).filter(({ policies }) => policies.deletion === "RetainExceptOnCreate");
  expect(kept.map(({ id }) => id)).toEqual(["Table", "WebhookSecret", "AppSecret"]);
  expect(kept.every(({ policies }) => policies.replacement === "Retain")).toBe(true);
  // What is left behind is found again by it.
  for (const { properties } of kept)
    expect(properties["Tags"]).toContainEqual({ Key: "proa:stack", Value: { Ref: "AWS::StackName" } });
});

test("a secret begins empty, and what is stored in it later is not the template's to change", () => {
  // CloudFormation writes the value again when this text changes, over whatever `proa setup` has stored.
  expect(
    resources(deployer, "AWS::SecretsManager::Secret").map(({ properties }) => properties["SecretString"]),
  ).toEqual(["{}", "{}"]);
});

test("everything that holds data is encrypted; what is not says why", () => {
  const encrypted: Record<string, (properties: Readonly<Record<string, unknown>>) => boolean> = {
    "AWS::DynamoDB::Table": ({ SSESpecification }) => JSON.stringify(SSESpecification) === '{"SSEEnabled":true}',
    "AWS::SQS::Queue": ({ SqsManagedSseEnabled }) => SqsManagedSseEnabled === true,
    "AWS::S3::Bucket": ({ BucketEncryption }) => BucketEncryption !== undefined,
    // Both always are, with a key of AWS' own where no other is named.
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    // https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    "AWS::Logs::LogGroup": () => true,
    "AWS::SecretsManager::Secret": () => true,
    "AWS::SNS::Topic": ({ KmsMasterKeyId }) => KmsMasterKeyId !== undefined,
  };
  const open = stacks
    .flatMap((stack) => resources(stack))
    .filter(({ type, properties }) => type in encrypted && encrypted[type]?.(properties) === false);
  expect(open.filter(({ metadata }) => metadata["Unencrypted"] === undefined)).toEqual([]);
  expect(open.map(({ id }) => id)).toEqual(["AlarmTopic"]);
});

test("logs are kept for as long as the parameter says", () => {
  const logs = resources(deployer, "AWS::Logs::LogGroup");
  expect(logs).toHaveLength(5);
  for (const { properties } of logs) expect(properties["RetentionInDays"]).toEqual({ Ref: "LogRetentionDays" });
});

test("a dead letter waits fourteen days for a person, as long as SQS keeps anything", () => {
  const dead = resources(deployer, "AWS::SQS::Queue").filter(({ id }) => id.endsWith("DeadQueue"));
  expect(dead.map(({ properties }) => properties["MessageRetentionPeriod"])).toEqual([1_209_600, 1_209_600, 1_209_600]);
});
