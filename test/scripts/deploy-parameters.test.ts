import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { accessOf, codeParameters } from "../../scripts/deploy/derive.ts";
import { exists, evaluate, type Scope } from "../../scripts/deploy/evaluate.ts";
import { parseOptions, parseOptionsFile } from "../../scripts/deploy/options.ts";
import { type ParameterSources, resolveParameters } from "../../scripts/deploy/parameters.ts";
import { settingsProblems } from "../../scripts/deploy/settings.ts";
import { parseTemplate } from "../../scripts/deploy/template.ts";

const template = parseTemplate(`
Parameters:
  Domain: {Type: String, Description: Where previews answer., AllowedPattern: "[a-z.]+", ConstraintDescription: must be a domain}
  Memory: {Type: Number, Default: 1024, MinValue: 512, MaxValue: 3008}
  Public: {Type: String, Default: "false", AllowedValues: ["true", "false"]}
  Token: {Type: String, NoEcho: true, MinLength: 8}
  Subnets: {Type: CommaDelimitedList, Default: ""}
  WebhookCode: {Type: String}
Resources: {}
`);
const fine: ParameterSources = {
  template,
  wanted: { Domain: "shop.example", Token: "a-secret-value" },
  present: {},
  derived: { WebhookCode: "webhook-1.zip" },
  isDerived: (name) => name === "WebhookCode",
};
const resolved = (change: Partial<ParameterSources>) => resolveParameters({ ...fine, ...change });
const told = (change: Partial<ParameterSources>, name: string) =>
  resolved(change).parameters.find(({ ParameterKey }) => ParameterKey === name);

describe("a parameter's value", () => {
  test("is what was asked for", () => {
    expect(told({}, "Domain")).toEqual({ ParameterKey: "Domain", ParameterValue: "shop.example" });
  });
  test("stays what it is when nobody mentions it", () => {
    const sources = { wanted: {}, present: { Domain: "old.example", Memory: "2048", Token: "****" } };
    expect(told(sources, "Domain")).toEqual({ ParameterKey: "Domain", UsePreviousValue: true });
    expect(resolved(sources).values).toMatchObject({ Domain: "old.example", Memory: "2048" });
  });
  test("that is hidden stays, unread", () => {
    const sources = { wanted: {}, present: { Domain: "old.example", Token: "****" } };
    expect(told(sources, "Token")).toEqual({ ParameterKey: "Token", UsePreviousValue: true });
    expect(resolved(sources)).toMatchObject({ problems: [], values: { Domain: "old.example" } });
  });
  test("goes back to its default when it is set to nothing", () => {
    const sources = { wanted: { ...fine.wanted, Memory: null }, present: { Memory: "2048" } };
    expect(told(sources, "Memory")).toBeUndefined();
    expect(resolved(sources).values).toMatchObject({ Memory: "1024" });
  });
  test("that the deploy works out is new with every bundle", () => {
    const sources = { present: { WebhookCode: "webhook-0.zip" } };
    expect(told(sources, "WebhookCode")).toEqual({ ParameterKey: "WebhookCode", ParameterValue: "webhook-1.zip" });
  });
});

describe("before anything is touched", () => {
  const wrong: [string, Partial<ParameterSources>, string][] = [
    ["a missing one", { wanted: { Token: "a-secret-value" } }, "Domain is missing: Where previews answer."],
    ["a pattern", { wanted: { ...fine.wanted, Domain: "No!" } }, 'Domain is "No!": must be a domain'],
    [
      "half a match",
      { wanted: { ...fine.wanted, Domain: "shop.example/x" } },
      'Domain is "shop.example/x": must be a domain',
    ],
    [
      "a number that is none",
      { wanted: { ...fine.wanted, Memory: "much" } },
      'Memory is "much": it is a number from 512 to 3008',
    ],
    [
      "a number too large",
      { wanted: { ...fine.wanted, Memory: "4000" } },
      'Memory is "4000": it is a number from 512 to 3008',
    ],
    [
      "a word of another list",
      { wanted: { ...fine.wanted, Public: "yes" } },
      'Public is "yes": it is one of true, false',
    ],
    [
      "a name nearly right",
      { wanted: { ...fine.wanted, Domin: "x" } },
      "Domin is no parameter of this version: did you mean Domain?",
    ],
    [
      "a bundle of one's own",
      { wanted: { ...fine.wanted, WebhookCode: "x.zip" } },
      "WebhookCode is worked out by the deploy: leave it out",
    ],
  ];
  test.each(wrong)("%s is named with its remedy", (_, change, sentence) => {
    expect(resolved(change).problems).toEqual([sentence]);
  });
  test("a hidden value is never shown", () => {
    expect(resolved({ wanted: { ...fine.wanted, Token: "short" } }).problems).toEqual([
      "Token has a value that is not allowed: it has 8 to any number of characters",
    ]);
  });
  test("all problems are told at once", () => {
    expect(resolved({ wanted: { Memory: "1", Public: "no" } }).problems).toHaveLength(4);
  });
});

describe("proa.deploy.yaml", () => {
  const dir = mkdtempSync(join(tmpdir(), "proa-options-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test("holds texts, lists, and nothing for a default", () => {
    const text =
      "region: eu-west-1\nparameters:\n  Account: 012345678901\n  Subnets: [a, b]\n  Public: true\n  Memory:\n";
    expect(parseOptionsFile(text, "f")).toMatchObject({
      region: "eu-west-1",
      parameters: { Account: "012345678901", Subnets: "a,b", Public: "true", Memory: null },
    });
  });
  test("gives way to flags", () => {
    const file = join(dir, "x.yaml");
    writeFileSync(file, "stack: staging\nregion: eu-west-1\nparameters: {Domain: a.example, Public: true}");
    const options = parseOptions([
      "--file",
      file,
      "--region",
      "us-east-1",
      "--set",
      "Domain=b.example",
      "--set",
      "Path=a=b",
    ]);
    expect(options).toMatchObject({
      stack: "staging",
      region: "us-east-1",
      parameters: { Domain: "b.example", Public: "true", Path: "a=b" },
      apply: false,
    });
  });
  const mistakes: [string, string, RegExp][] = [
    ["an unknown key", "Regin: x", /^f: "Regin" is not known/],
    ["a list of parameters", "parameters: [a]", /^f: parameters holds Name: value pairs/],
    ["no YAML", "a: b: c", /^f: Nested mappings/],
    ["a parameter with a tree", "parameters: {A: {b: c}}", /^f: A is a text/],
  ];
  test.each(mistakes)("with %s is refused", (_, text, message) => {
    expect(() => parseOptionsFile(text, "f")).toThrow(message);
  });
  test.each([
    [["--set", "Domain"], /is not Name=value/],
    [["--stack", "Proa_1"], /at most 30 lower-case/],
    [["--to", "1"], /--rollback/],
  ] as const)("%j is refused", (args, message) => {
    expect(() => parseOptions([...args])).toThrow(message);
  });
});

describe("what is worked out", () => {
  const place = { account: "123456789012", region: "eu-west-1", partition: "aws" };
  test("clusters are described by exactly their ARNs", () => {
    const { parameters } = accessOf(
      { Clusters: "default=eks:apps, us=eks:apps@us-east-1,again=eks:apps", Images: undefined },
      place,
    );
    expect(parameters["ClusterArns"]).toBe(
      "arn:aws:eks:eu-west-1:123456789012:cluster/apps,arn:aws:eks:us-east-1:123456789012:cluster/apps",
    );
  });
  test("repositories are those of ECR among the images", () => {
    const host = "210987654321.dkr.ecr.us-east-1.amazonaws.com";
    const Images = `${host}/shop/**, ghcr.io/acme/**,${host}/shop-*`;
    expect(accessOf({ Clusters: undefined, Images }, place).parameters).toEqual({
      EcrRepositoryArns:
        "arn:aws:ecr:us-east-1:210987654321:repository/shop-*,arn:aws:ecr:us-east-1:210987654321:repository/shop/*",
    });
  });
  test("a cluster that is a file of somebody's laptop is refused", () => {
    const { problems } = accessOf({ Clusters: "default=/home/me/config", Images: undefined }, place);
    expect(problems).toEqual([expect.stringContaining('Clusters names a file for "default"')]);
  });
  test("a bundle's key is its content's hash", () => {
    const zip = new Uint8Array();
    expect(codeParameters("proa", { bucket: "b", prefix: "proa/" }, [{ name: "webhook", sha256: "abc", zip }])).toEqual(
      {
        CodeBucket: "b",
        WebhookCode: "proa/webhook-abc.zip",
      },
    );
  });
});

describe("a template, before anything exists", () => {
  const text = `
Parameters: {Domain: {Type: String}, Memory: {Type: Number, Default: 0}, Images: {Type: String}}
Conditions:
  HasDomain: !Not [!Equals [!Ref Domain, ""]]
  IsLarge: !And [!Condition HasDomain, !Equals [!Ref Memory, 1024]]
Resources:
  Queue: {Type: AWS::SQS::Queue, Condition: IsLarge}
  TickFunction:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub "\${AWS::StackName}-tick"
      Environment:
        Variables:
          PROA_QUEUE: !Sub "sqs:https://sqs.\${AWS::Region}.amazonaws.com/1/\${AWS::StackName}"
  WebhookFunction:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Join ["-", [!Ref AWS::StackName, webhook]]
      Environment: {Variables: {PROA_QUEUE: !Ref Images, PROA_SECRET: !GetAtt Secret.Arn}}
`;
  const scope = (parameters: Record<string, string>): Scope => ({
    template: parseTemplate(text),
    parameters,
    pseudo: { "AWS::StackName": "proa", "AWS::Region": "eu-west-1" },
  });

  test("its conditions follow the parameters, numbers as texts", () => {
    expect(exists("IsLarge", scope({ Domain: "a.example", Memory: "1024" }))).toBe(true);
    expect(exists("IsLarge", scope({ Domain: "", Memory: "1024" }))).toBe(false);
  });
  test("what only CloudFormation knows goes by its name", () => {
    expect(evaluate({ a: { "Fn::GetAtt": ["Secret", "Arn"] }, b: { Ref: "AWS::NoValue" } }, scope({}))).toEqual({
      a: "Secret.Arn",
    });
  });
  test("each function's own reader refuses what the function would refuse", () => {
    expect(settingsProblems(scope({ Images: "sqs:nowhere" }))).toEqual([
      'Images is "sqs:nowhere": write sqs: and what the queues\' URLs begin with',
    ]);
  });
  test("settings larger than Lambda takes are refused", () => {
    expect(settingsProblems(scope({ Images: `sqs:https://${"x".repeat(4100)}` }))[0]).toMatch(
      /Lambda takes 4096: shorten Images/,
    );
  });
  test("comments and YAML's aliases are not in what CloudFormation gets", () => {
    const { body } = parseTemplate("Resources:\n  A: &a {Type: X} # why\n  B: *a\n");
    expect(JSON.parse(body)).toEqual({ Resources: { A: { Type: "X" }, B: { Type: "X" } } });
  });
});
