import { CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import { LambdaClient, ListEventSourceMappingsCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type AwsEnvironment, clientOptions } from "./ministack.ts";
import { query } from "./query-api.ts";

/** Everything in the account of the kinds that an install is made of, by name; images are their builders' own. */
export async function inventory(env: AwsEnvironment): Promise<Record<string, string[]>> {
  const options = clientOptions(env);
  const lambda = new LambdaClient(options);
  const [stacks, functions, sources, queues, tables, secrets, logGroups, rules, buckets, roles, alarms, dashboards] =
    await Promise.all([
      new CloudFormationClient(options).send(new DescribeStacksCommand({})),
      lambda.send(new ListFunctionsCommand({})),
      lambda.send(new ListEventSourceMappingsCommand({})),
      new SQSClient(options).send(new ListQueuesCommand({})),
      new DynamoDBClient(options).send(new ListTablesCommand({})),
      new SecretsManagerClient(options).send(new ListSecretsCommand({ IncludePlannedDeletion: true })),
      new CloudWatchLogsClient(options).send(new DescribeLogGroupsCommand({})),
      new EventBridgeClient(options).send(new ListRulesCommand({})),
      new S3Client({ ...options, forcePathStyle: true }).send(new ListBucketsCommand({})),
      query(env, "iam", { Action: "ListRoles" }),
      query(env, "monitoring", { Action: "DescribeAlarms", MaxRecords: "100" }),
      query(env, "monitoring", { Action: "ListDashboards" }),
    ]);
  const named = (xml: string, tag: string) =>
    [...xml.matchAll(RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))].map(([, name]) => name);
  const found = {
    stacks: stacks.Stacks?.map(({ StackName }) => StackName),
    functions: functions.Functions?.map(({ FunctionName }) => FunctionName),
    "event sources": sources.EventSourceMappings?.map(({ EventSourceArn }) => EventSourceArn),
    queues: queues.QueueUrls,
    tables: tables.TableNames,
    secrets: secrets.SecretList?.map(({ Name }) => Name),
    "log groups": logGroups.logGroups?.map(({ logGroupName }) => logGroupName),
    rules: rules.Rules?.map(({ Name }) => Name),
    buckets: buckets.Buckets?.map(({ Name }) => Name),
    roles: named(roles, "RoleName"),
    alarms: named(alarms, "AlarmName"),
    dashboards: named(dashboards, "DashboardName"),
  };
  return Object.fromEntries(Object.entries(found).map(([kind, names = []]) => [kind, names.map(String).toSorted()]));
}
