import type { ResourceChange, StackEvent } from "@aws-sdk/client-cloudformation";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { planChanges } from "../../scripts/deploy/changes.ts";
import { failureText } from "../../scripts/deploy/failure-text.ts";
import { firstFailure, remedyFor } from "../../scripts/deploy/failures.ts";
import { planFirst } from "../../scripts/deploy/first.ts";
import { progressLine } from "../../scripts/deploy/progress.ts";
import { chooseRelease, type Release, superfluous } from "../../scripts/deploy/releases.ts";
import { standingOf } from "../../scripts/deploy/state.ts";
import { parseTemplate } from "../../scripts/deploy/template.ts";
import { wrap } from "../../scripts/deploy/text.ts";

const STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/proa/1";

type Detail = NonNullable<ResourceChange["Details"]>[number];
const detail = (
  Name: string,
  more: Partial<Detail> = {},
  recreation: "Never" | "Conditionally" | "Always" = "Never",
): Detail => ({
  Target: { Attribute: "Properties", Name, RequiresRecreation: recreation },
  Evaluation: "Static",
  ...more,
});
const changed = (
  id: string,
  type: string,
  Details: Detail[],
  Replacement: "True" | "False" | "Conditional" = "False",
): ResourceChange => ({
  Action: "Modify",
  LogicalResourceId: id,
  ResourceType: `AWS::${type}`,
  Replacement,
  Details,
});
const follows = (CausingEntity: string): Partial<Detail> => ({ Evaluation: "Dynamic", CausingEntity });
const read = (changes: ResourceChange[]) => {
  const { text, losses } = planChanges(changes);
  return { lines: stripVTControlCharacters(text).split("\n"), losses };
};

describe("a change set, read by a person", () => {
  test("with code alone is one line", () => {
    const functions = ["WebhookFunction", "DeployerFunction"].map((id) =>
      changed(id, "Lambda::Function", [detail("Code")]),
    );
    const source = changed(
      "DeployerSource",
      "Lambda::EventSourceMapping",
      [detail("FunctionName", follows("DeployerFunction"), "Always")],
      "Conditional",
    );
    expect(read([...functions, source])).toEqual({
      lines: ["  ~ code of deployer, webhook", "    what refers to these stays as it is (1 resource)"],
      losses: [],
    });
  });

  test("says what comes, changes, goes and is replaced, alike things together", () => {
    const { lines } = read([
      { Action: "Add", LogicalResourceId: "B", ResourceType: "AWS::SQS::Queue" },
      { Action: "Add", LogicalResourceId: "A", ResourceType: "AWS::SQS::Queue" },
      { Action: "Remove", LogicalResourceId: "Old", ResourceType: "AWS::Events::Rule" },
      changed("OneLog", "Logs::LogGroup", [detail("RetentionInDays")]),
      changed("TwoLog", "Logs::LogGroup", [detail("RetentionInDays")]),
      changed("Rule", "Events::Rule", [detail("Name", {}, "Always")], "True"),
    ]);
    expect(lines).toEqual([
      "  + A, B (SQS::Queue)",
      "  ~ OneLog, TwoLog (Logs::LogGroup): RetentionInDays",
      "  ! Rule (Events::Rule): replaced by a new one (Name)",
      "  - Old (Events::Rule)",
    ]);
  });

  test("warns that the webhook's address changes", () => {
    const { lines } = read([changed("WebhookUrl", "Lambda::Url", [detail("TargetFunctionArn", {}, "Always")], "True")]);
    expect(lines.join(" ").replaceAll(/ +/g, " ")).toContain("the webhook's address changes: run setup again");
  });

  const losses: [string, ResourceChange, string[]][] = [
    [
      "a table replaced",
      changed("Table", "DynamoDB::Table", [detail("KeySchema", {}, "Always")], "True"),
      ["Table (all that Proa remembers) would be replaced by an empty one"],
    ],
    [
      "a secret perhaps replaced",
      changed("AppSecret", "SecretsManager::Secret", [detail("Name", {}, "Conditionally")], "Conditional"),
      ["AppSecret (the GitHub App's keys) might be replaced by an empty one"],
    ],
    [
      "a queue removed",
      { Action: "Remove", LogicalResourceId: "TickQueue", ResourceType: "AWS::SQS::Queue" },
      ["TickQueue (work that is waiting) would leave the stack"],
    ],
    ["a table changed in place", changed("Table", "DynamoDB::Table", [detail("Tags")]), []],
    [
      "a table said to depend, on what keeps its name",
      changed("Table", "DynamoDB::Table", [detail("Tags")], "Conditional"),
      [],
    ],
    ["a role replaced", changed("Role", "IAM::Role", [detail("RoleName", {}, "Always")], "True"), []],
  ];
  test.each(losses)("%s: what would be lost is named", (_, change, sentences) => {
    expect(read([change]).losses).toEqual(sentences);
  });

  test("a replacement is passed on to what refers to it", () => {
    const role = changed("Role", "IAM::Role", [detail("RoleName", {}, "Always")], "True");
    const user = changed("Fn", "Lambda::Function", [detail("Role", follows("Role.Arn"))]);
    expect(read([role, user]).lines).toContain("  ~ Fn (Lambda::Function): Role");
  });
});

describe("a first deploy is told from the template", () => {
  test("without what its conditions leave out, and with what is taken over", () => {
    const template = parseTemplate(`
Parameters: {Table: {Type: String}}
Conditions: {MakesTable: !Equals [!Ref Table, ""]}
Resources:
  Table: {Type: AWS::DynamoDB::Table, Condition: MakesTable}
  One: {Type: AWS::SQS::Queue}
  Two: {Type: AWS::SQS::Queue}
  Policy: {Type: AWS::SQS::QueuePolicy}
`);
    const plan = planFirst(
      "proa",
      { template, parameters: { Table: "proa" }, pseudo: {} },
      { bucket: null, takenOver: ["the table proa"] },
    );
    expect(stripVTControlCharacters(plan).split("\n")).toEqual([
      "  + stack proa-artifacts: a bucket for the bundles",
      "  + stack proa: 2 queues, 1 other",
      "  = taken over from an earlier install: the table proa",
    ]);
  });
});

describe("an event", () => {
  const event = (change: Partial<StackEvent>): StackEvent => ({
    StackId: STACK_ID,
    EventId: "1",
    StackName: "proa",
    LogicalResourceId: "Table",
    ResourceType: "AWS::DynamoDB::Table",
    Timestamp: new Date("2026-11-22T13:00:01Z"),
    ...change,
  });
  const shown = (change: Partial<StackEvent>) => {
    const line = progressLine(event(change), STACK_ID);
    return line === null ? null : stripVTControlCharacters(line);
  };
  const lines: [string, Partial<StackEvent>, string | null][] = [
    ["done", { ResourceStatus: "CREATE_COMPLETE" }, "  13:00:01  created  Table (DynamoDB::Table)"],
    ["kept", { ResourceStatus: "DELETE_SKIPPED" }, "  13:00:01  kept     Table (DynamoDB::Table)"],
    ["begun", { ResourceStatus: "CREATE_IN_PROGRESS" }, null],
    [
      "failed",
      { ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "It exists." },
      "  13:00:01  failed   Table (DynamoDB::Table)\n            It exists.",
    ],
    [
      "cancelled with the rest",
      { ResourceStatus: "CREATE_FAILED", ResourceStatusReason: "Resource creation cancelled" },
      null,
    ],
    [
      "of the stack, turning back",
      { PhysicalResourceId: STACK_ID, ResourceStatus: "UPDATE_ROLLBACK_IN_PROGRESS" },
      "  13:00:01  turning back: everything returns to how it was",
    ],
    ["of the stack, done", { PhysicalResourceId: STACK_ID, ResourceStatus: "UPDATE_COMPLETE" }, null],
  ];
  test.each(lines)("that is %s", (_, change, line) => {
    expect(shown(change)).toBe(line);
  });

  test("is the failure when it was the first, and neither a cancelled one nor the stack's own summary", () => {
    const events = [
      event({
        LogicalResourceId: "A",
        ResourceStatus: "CREATE_FAILED",
        ResourceStatusReason: "Resource creation cancelled",
      }),
      event({
        LogicalResourceId: "Role",
        ResourceType: "AWS::IAM::Role",
        ResourceStatus: "CREATE_FAILED",
        ResourceStatusReason: "proa-tick already exists",
      }),
      event({
        PhysicalResourceId: STACK_ID,
        ResourceStatus: "CREATE_FAILED",
        ResourceStatusReason: "The following resource(s) failed to create: [Role].",
      }),
    ];
    expect(firstFailure(events, STACK_ID)).toMatchObject({ resource: "Role", reason: "proa-tick already exists" });
    const text = stripVTControlCharacters(failureText(firstFailure(events, STACK_ID), "ROLLBACK_COMPLETE", "proa"));
    expect(text).toMatch(
      /^Role \(IAM::Role\) failed:\n {2}proa-tick already exists\nWhat to do: something of that name/,
    );
    expect(text.replaceAll(/\s+/g, " ")).toMatch(/The next deploy clears the empty stack away\.$/);
    expect(text.split("\n").every((line) => line.length <= 80)).toBe(true);
  });
});

describe("a failure's remedy", () => {
  const known: [string, RegExp][] = [
    [
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
      /WebhookConcurrency=0/,
    ],
    [
      "User: arn:aws:sts::1:assumed-role/Dev/me is not authorized to perform: iam:CreateRole on resource: x",
      /needs that right/,
    ],
    [
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
      /restore-secret/,
    ],
    ["proa-webhook already exists", /belongs to no stack of Proa/],
    ["Error occurred while GetObject. S3 Error Code: NoSuchKey.", /uploaded when it is missing/],
    ["The role defined for the function cannot be assumed by Lambda.", /deploy again/],
    ["Rate exceeded", /in a minute/],
    ["Maximum number of alarms limit exceeded", /Service Quotas/],
  ];
  test.each(known)("%s", (reason, remedy) => {
    expect(remedyFor(reason, "AWS::Lambda::Function")).toMatch(remedy);
  });
  test("is not made up for what nobody knows", () => {
    expect(remedyFor("Something else entirely.", "AWS::Lambda::Function")).toBeNull();
  });
});

test.each([
  [null, "absent"],
  ["REVIEW_IN_PROGRESS", "absent"],
  ["CREATE_COMPLETE", "ready"],
  ["UPDATE_ROLLBACK_COMPLETE", "ready"],
  ["IMPORT_COMPLETE", "ready"],
  ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "busy"],
  ["DELETE_IN_PROGRESS", "busy"],
  ["ROLLBACK_COMPLETE", "never-created"],
  ["ROLLBACK_FAILED", "never-created"],
  ["UPDATE_ROLLBACK_FAILED", "stuck"],
  ["DELETE_FAILED", "broken"],
  ["UPDATE_FAILED", "broken"],
  ["A_NEW_FAILED", "broken"],
])("a stack that is %s is %s", (status, kind) => {
  expect(standingOf(status).kind).toBe(kind);
});

describe("going back", () => {
  const release = (version: string, code: string): Release => ({
    version,
    templateKey: "t",
    code: { Version: version, TickCode: code },
  });
  const [now, before, old] = [release("3", "c"), release("2", "b"), release("1", "a")];
  test("takes the newest release that is not what runs", () => {
    expect(chooseRelease([now, before, old], now, null)).toBe(before);
  });
  test("takes the one that was asked for", () => {
    expect(chooseRelease([now, before, old], now, "1")).toBe(old);
  });
  test("says what there is when there is no such", () => {
    expect(() => chooseRelease([now, before, old], now, "7")).toThrow(
      "there is no release 7 to go back to: kept are 2, 1",
    );
    expect(() => chooseRelease([now], now, null)).toThrow("there is nothing to go back to: no earlier release is kept");
  });
});

describe("what is deleted after a deploy", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const object = (key: string, ageHours: number) => ({
    Key: `proa/${key}`,
    LastModified: new Date(now.getTime() - ageHours * 3_600_000),
  });
  const deleted = (...all: readonly { Key: string; LastModified: Date }[]) =>
    superfluous(all, { artifacts: { bucket: "b", prefix: "proa/" }, named: new Set(["proa/tick-1.zip"]), now });

  test("is what no kept release names, unless it is of today", () => {
    expect(deleted(object("tick-1.zip", 1_000), object("tick-0.zip", 25), object("tick-2.zip", 23))).toEqual([
      "proa/tick-0.zip",
    ]);
  });
  test("is no record among the newest ten, however old", () => {
    const records = Array.from({ length: 12 }, (_, i) => object(`releases/2026-01-${10 + i}.json`, 2_000));
    expect(deleted(...records)).toEqual(["proa/releases/2026-01-10.json", "proa/releases/2026-01-11.json"]);
  });
});

test("lines end before column 80, and an address stays whole", () => {
  const address = `https://example.com/${"x".repeat(90)}`;
  const lines = wrap(`${"some words and ".repeat(12)}${address} end`, 4).split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([`    ${address}`]);
  expect(lines.every((line) => line.startsWith("    "))).toBe(true);
});
