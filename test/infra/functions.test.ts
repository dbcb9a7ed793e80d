import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { deployerSettings, reporterSettings, sweeperSettings } from "../../src/settings.ts";
import { type Environment, SettingsError } from "../../src/settings-read.ts";
import { tickSettings, webhookSettings } from "../../src/settings-webhook.ts";
import { type FunctionName, FUNCTIONS } from "./iam-used.ts";
import { deployer, references, resource, resources, root } from "./templates.ts";

const titled = (name: FunctionName): string => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
const functionOf = (name: FunctionName) => resource(deployer, `${titled(name)}Function`).properties;
const environmentOf = (name: FunctionName): Readonly<Record<string, unknown>> =>
  (functionOf(name)["Environment"] as { Variables: Record<string, unknown> }).Variables;

const READERS: Readonly<Record<FunctionName, (env: Environment) => unknown>> = {
  webhook: webhookSettings,
  deployer: deployerSettings,
  reporter: reporterSettings,
  tick: tickSettings,
  sweeper: sweeperSettings,
};
/** Come out of the secret that `PROA_SECRET` names. */
const SECRET = [
  "PROA_GITHUB_APP_ID",
  "PROA_GITHUB_APP_SLUG",
  "PROA_GITHUB_PRIVATE_KEY",
  "PROA_REGISTRIES",
  "PROA_WEBHOOK_SECRETS",
];
/** A file, which a function has not got. */
const ELSEWHERE = ["PROA_KUBECONFIG"];

/** The variables that a reader looks at. */
function askedBy(read: (env: Environment) => unknown): string[] {
  const asked = new Set<string>();
  const env = new Proxy<Environment>({}, { get: (_, name) => void asked.add(String(name)) });
  try {
    read(env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
  }
  return [...asked];
}

describe.each(FUNCTIONS)("the %s", (name) => {
  test("is given exactly the settings that it reads", () => {
    const asked = askedBy(READERS[name]).filter((variable) => !ELSEWHERE.includes(variable));
    const plain = asked.filter((variable) => !SECRET.includes(variable));
    const secret = asked.length > plain.length ? ["PROA_SECRET"] : [];
    expect(Object.keys(environmentOf(name)).toSorted()).toEqual([...plain, ...secret].toSorted());
  });

  test("is the bundle of functions/ by that name, on the Node.js we test with", () => {
    expect(existsSync(join(root, "functions", `${name}.ts`))).toBe(true);
    expect(functionOf(name)).toMatchObject({
      FunctionName: { "Fn::Sub": `\${AWS::StackName}-${name}` },
      Runtime: `nodejs${process.versions.node.split(".")[0] ?? ""}.x`,
      Architectures: [{ Ref: "Architecture" }],
      Handler: "index.handler",
      Code: { S3Bucket: { Ref: "CodeBucket" }, S3Key: { Ref: `${titled(name)}Code` } },
      LoggingConfig: { LogGroup: { Ref: `${titled(name)}Log` } },
    });
  });
});

test("no template holds a function that is not in functions/", () => {
  expect(resources(deployer, "AWS::Lambda::Function").map(({ id }) => id)).toEqual(
    FUNCTIONS.map((name) => `${titled(name)}Function`),
  );
});

test("only what talks to clusters can be put into a VPC", () => {
  expect(FUNCTIONS.filter((name) => functionOf(name)["VpcConfig"] !== undefined)).toEqual(["deployer", "sweeper"]);
});

describe("the webhook", () => {
  test("ends before GitHub stops waiting, after ten seconds", () => {
    expect(functionOf("webhook")["Timeout"]).toBeLessThanOrEqual(10);
  });

  test("has both permissions that a public URL needs, and no other", () => {
    const allowed = resources(deployer, "AWS::Lambda::Permission")
      .filter(({ properties }) => references(properties["FunctionName"]).includes("WebhookFunction"))
      .map(({ properties }) => properties);
    const FunctionName = { Ref: "WebhookFunction" };
    expect(allowed).toEqual([
      { FunctionName, Principal: "*", Action: "lambda:InvokeFunctionUrl", FunctionUrlAuthType: "NONE" },
      { FunctionName, Principal: "*", Action: "lambda:InvokeFunction", InvokedViaFunctionUrl: true },
    ]);
  });
});

describe.each(["deployer", "reporter", "tick"] as const)("the queue of the %s", (name) => {
  const queue = resource(deployer, `${titled(name)}Queue`).properties;
  const source = resource(deployer, `${titled(name)}Source`).properties;
  const timeout = Number(functionOf(name)["Timeout"]);
  const visibility = Number(queue["VisibilityTimeout"]);

  test("hands a message out again only when the function that had it must be dead", () => {
    expect(visibility).toBeGreaterThan(timeout);
  });

  test("keeps what failed five times for a person", () => {
    expect(queue["RedrivePolicy"]).toEqual({
      deadLetterTargetArn: { "Fn::GetAtt": [`${titled(name)}DeadQueue`, "Arn"] },
      maxReceiveCount: 5,
    });
    expect(resource(deployer, `${titled(name)}DeadQueue`).properties["FifoQueue"]).toBe(queue["FifoQueue"]);
  });

  test("is handled one message at a time, each of which can fail for itself, by no more functions than are asked for", () => {
    expect(source).toMatchObject({ BatchSize: 1, FunctionResponseTypes: ["ReportBatchItemFailures"] });
    expect(source["ScalingConfig"]).toHaveProperty("MaximumConcurrency");
  });
});

test("a target stands still for little longer than its deployer may run, should that die", () => {
  const { VisibilityTimeout } = resource(deployer, "DeployerQueue").properties;
  expect(Number(VisibilityTimeout) - Number(functionOf("deployer")["Timeout"])).toBeLessThanOrEqual(15);
});

test("functions that send each other messages on purpose are not taken for a runaway loop", () => {
  const sendsTo: Readonly<Record<FunctionName, readonly FunctionName[]>> = {
    webhook: ["deployer"],
    deployer: ["deployer", "reporter", "tick"],
    reporter: ["reporter", "tick"],
    tick: ["deployer", "reporter"],
    sweeper: ["deployer", "reporter", "tick"],
  };
  const reached = (from: FunctionName, seen: readonly FunctionName[] = []): readonly FunctionName[] =>
    sendsTo[from].reduce((all, to) => (all.includes(to) ? all : reached(to, [...all, to])), seen);
  const inLoops = FUNCTIONS.filter((name) => reached(name).includes(name));
  expect(FUNCTIONS.filter((name) => functionOf(name)["RecursiveLoop"] === "Allow")).toEqual(inLoops);
});

test("each sweep has a schedule of its own, and one that came too late is left to the next", () => {
  const schedules = resources(deployer, "AWS::Events::Rule")
    .filter(({ properties }) => properties["ScheduleExpression"] !== undefined)
    .map(({ properties }) => {
      const [target] = properties["Targets"] as { Input: string }[];
      return [properties["ScheduleExpression"], JSON.parse(target?.Input ?? "null")];
    });
  expect(schedules).toEqual([
    ["rate(1 minute)", { sweep: "overdue" }],
    ["rate(10 minutes)", { sweep: "github" }],
  ]);
  expect(resource(deployer, "SweeperInvocations").properties).toMatchObject({
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
  });
});

test("a function runs at the earliest when its role's policies are there: they are the role's own", () => {
  expect(resources(deployer).filter(({ type }) => /^AWS::IAM::(Policy|ManagedPolicy)$/.test(type))).toEqual([]);
});

test("every name is the stack's, so that two stacks in one account do not meet", () => {
  const NAMES = [
    "FunctionName",
    "QueueName",
    "TableName",
    "RoleName",
    "LogGroupName",
    "AlarmName",
    "DashboardName",
    "TopicName",
    "Name",
  ];
  const named = resources(deployer)
    .filter(({ type }) => !/^AWS::Lambda::(Permission|EventSourceMapping|EventInvokeConfig)$|MetricFilter$/.test(type))
    .flatMap(({ id, properties }) =>
      NAMES.filter((key) => properties[key] !== undefined).map((key) => ({ id, name: properties[key] })),
    );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ name }) => !references(name).includes("AWS::StackName"))).toEqual([]);
});
