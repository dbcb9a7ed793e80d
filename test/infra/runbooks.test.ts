import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { deployer, resources, root } from "./templates.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const pages = globSync("docs/runbooks/*.md", { cwd: root })
  .sort()
  .map((file) => [basename(file), read(file)] as const);
const sources = globSync("{src,scripts}/**/*.ts", { cwd: root }).map(read).join("\n");

/** Names as a stack called `proa` has them. */
const named = (type: string, property: string): string[] =>
  resources(deployer, type).map(({ properties }) =>
    (properties[property] as { "Fn::Sub": string })["Fn::Sub"]
      .replace("${AWS::StackName}", "proa")
      .replace("${AWS::Region}", "<region>"),
  );
const NAMES = new Set([
  ...named("AWS::Lambda::Function", "FunctionName"),
  ...named("AWS::SQS::Queue", "QueueName"),
  ...named("AWS::Events::Rule", "Name"),
  ...named("AWS::CloudWatch::Alarm", "AlarmName"),
  ...named("AWS::IAM::Role", "RoleName"),
]);

/** What a command may be told that is no resource: the beginning of several names, and what the procedure itself makes. */
const OTHERS = new Set(["proa-sweep", "proa-restored"]);

describe.each(pages)("%s", (_, text) => {
  const found = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, match = ""]) => match);

  test("names functions, queues, rules, alarms and roles that there are", () => {
    const mentioned = found(/(?<![\w/$-])(proa-[a-z]+(?:-[a-z]+)*(?:-<region>)?(?:\.fifo)?)/g);
    const inLogs = found(/\/aws\/lambda\/([a-z-]+)/g);
    const roles = new Set(["proa-preview", "proa-environment", "proa-deployer"]);
    expect(
      [...mentioned, ...inLogs].filter((name) => !NAMES.has(name) && !OTHERS.has(name) && !roles.has(name)),
    ).toEqual([]);
  });

  test("looks for log lines that there are", () => {
    const messages = found(/\$\.msg = "([^"*]+)\*?"/g);
    expect(messages.filter((message) => !sources.includes(`"${message}`))).toEqual([]);
  });

  test("quotes sentences that Proa says", () => {
    const quoted = found(
      /`((?:is left alone until|does not exist: correct|has no API server|not set up yet|walk failed)[^`…]*)/g,
    );
    expect(quoted.filter((sentence) => !sources.includes(sentence.trim()))).toEqual([]);
  });

  test("calls commands, with parameters, that there are", () => {
    const commands = found(/npm run proa -- ([a-z]+)/g);
    expect(commands.filter((command) => !sources.includes(`  ${command}: {\n    does:`))).toEqual([]);
    const parameters = [
      ...found(/--set ([A-Za-z]+)=/g),
      ...found(
        /`((?:Webhook|Deployer)(?:Concurrency|Memory)|LogRetentionDays|SubnetIds|SecurityGroupIds|Clusters|ClusterArns|ExistingTable|Architecture)\b/g,
      ),
    ];
    expect(parameters.filter((name) => !(name in deployer.parameters))).toEqual([]);
  });
});
