import { describe, expect, test } from "vitest";
import { type FunctionName, FUNCTIONS, neededBy } from "./iam-used.ts";
import {
  actionsOf,
  deployer,
  references,
  type Resource,
  resource,
  resources,
  stacks,
  type Statement,
  statements,
} from "./templates.ts";

const titled = (name: FunctionName): string => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
const roleOf = (name: FunctionName) => resource(deployer, `${titled(name)}Role`);
const grants = (name: FunctionName): Statement[] =>
  statements(roleOf(name).properties["Policies"]).filter(({ Effect }) => Effect === "Allow");
const granted = (name: FunctionName, action: string): string[] =>
  grants(name)
    .filter((statement) => actionsOf(statement).includes(action))
    .flatMap(({ Resource }) => references(Resource).filter((id) => id in deployer.resources));

describe.each(FUNCTIONS)("the role of the %s", (name) => {
  test("allows what the function does, and nothing else", () => {
    expect([...new Set(grants(name).flatMap(actionsOf))].toSorted()).toEqual(neededBy(name));
  });

  test("is this function's alone, and only Lambda puts it on", () => {
    const users = resources(deployer, "AWS::Lambda::Function").filter(({ properties }) =>
      references(properties["Role"]).includes(roleOf(name).id),
    );
    expect(users.map(({ id }) => id)).toEqual([`${titled(name)}Function`]);
    const [trust, ...others] = statements(roleOf(name).properties["AssumeRolePolicyDocument"]);
    expect(others).toEqual([]);
    expect(trust).toMatchObject({ Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" });
    expect(roleOf(name).properties["ManagedPolicyArns"]).toBeUndefined();
  });

  test("writes its own log", () => {
    expect(granted(name, "logs:PutLogEvents")).toEqual([`${titled(name)}Log`]);
  });
});

test.each<[FunctionName, string[]]>([
  ["webhook", ["DeployerQueue"]],
  ["deployer", ["DeployerQueue", "ReporterQueue", "TickQueue"]],
  ["reporter", ["ReporterQueue", "TickQueue"]],
  ["tick", ["DeployerQueue", "ReporterQueue"]],
  ["sweeper", ["DeployerQueue", "ReporterQueue", "TickQueue"]],
])("the %s may send to %j alone", (name, queues) => {
  expect(granted(name, "sqs:SendMessage").toSorted()).toEqual(queues);
});

test("who the internet can reach knows the webhook's secret, and not the App's key", () => {
  const readers = (id: string) =>
    FUNCTIONS.filter((name) => granted(name, "secretsmanager:GetSecretValue").includes(id));
  expect(readers("WebhookSecret")).toEqual(["webhook"]);
  expect(readers("AppSecret")).toEqual(["deployer", "reporter", "sweeper"]);
});

test("in a VPC, Lambda may handle network interfaces in the function's name, and the function itself may not", () => {
  for (const name of ["deployer", "sweeper"] as const) {
    const [allowed, denied] = statements(roleOf(name).properties["Policies"]).filter((statement) =>
      actionsOf(statement).includes("ec2:CreateNetworkInterface"),
    );
    expect([allowed?.Effect, denied?.Effect]).toEqual(["Allow", "Deny"]);
    expect(denied && actionsOf(denied)).toEqual(allowed && actionsOf(allowed));
    expect(JSON.stringify(denied?.Condition)).toContain(`:function:\${AWS::StackName}-${name}"`);
  }
});

describe.each(stacks.map((stack) => [stack.file, stack] as const))("%s", (_, stack) => {
  const all = resources(stack).flatMap((each) => statements(each.properties).map((statement) => ({ each, statement })));

  const permissions = resources(stack, "AWS::Lambda::Permission");
  const isPublic = ({ properties }: Resource): boolean => properties["Principal"] === "*";

  test("allows no action by a pattern", () => {
    const wide = all.filter(({ statement }) => statement.Effect === "Allow" && /\*/.test(actionsOf(statement).join()));
    expect(wide).toEqual([]);
  });

  test("allows nothing on every resource without a reason beside it", () => {
    const wide = all.filter(
      ({ statement }) => statement.Effect === "Allow" && [statement.Resource].flat().includes("*"),
    );
    const unexplained = wide.filter(
      ({ each, statement: { Sid = "?" } }) => each.metadata["AnyResource"]?.startsWith(`${Sid}: `) !== true,
    );
    expect(unexplained).toEqual([]);
  });

  test("lets everybody in at the webhook's URL and nowhere else", () => {
    const open = all.filter(
      ({ statement }) =>
        statement.Effect === "Allow" && ["*", '{"AWS":"*"}'].includes(JSON.stringify(statement.Principal)),
    );
    expect(open).toEqual([]);
    for (const { properties } of permissions.filter(isPublic)) {
      expect(references(properties["FunctionName"])).toEqual(["WebhookFunction"]);
      expect(properties["FunctionUrlAuthType"] === "NONE" || properties["InvokedViaFunctionUrl"] === true).toBe(true);
    }
  });

  test("lets a service of AWS in for one thing of ours only", () => {
    for (const { properties } of permissions.filter((permission) => !isPublic(permission)))
      expect(references(properties["SourceArn"])).toHaveLength(1);
    for (const { statement } of all.filter(({ each }) => each.type === "AWS::SQS::QueuePolicy"))
      expect(statement.Condition).toHaveProperty("ArnEquals");
  });
});
