import {
  CloudFormationClient,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  GetStackPolicyCommand,
} from "@aws-sdk/client-cloudformation";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { connect, unlessMissing } from "../../scripts/deploy/aws.ts";
import { CHECKOUT, type Source } from "../../scripts/deploy/target.ts";
import { deploy } from "../../scripts/deploy.ts";
import type { Terminal } from "../../scripts/installation/terminal.ts";
import { packageFunctions, type Package } from "../../scripts/package.ts";
import { uninstall } from "../../scripts/uninstall.ts";
import { taggedResources } from "../../scripts/uninstall/tagged.ts";
import { person } from "../scripts/person.ts";
import { describeStack } from "../../scripts/installation/stack.ts";

const STACK = "deploy-test";
const SETTINGS = {
  Clusters: "default=eks:apps",
  Images: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/**",
  DefaultImage: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/{owner}/{repo}-{service}",
  Domain: "preview.example.com",
};

let packages: readonly Package[] = [];
let cloudFormation: CloudFormationClient;
let lambda: LambdaClient;

beforeAll(async () => {
  // The scripts take their AWS from the environment, as whoever runs them does.
  Object.assign(process.env, inject("aws"));
  cloudFormation = new CloudFormationClient();
  lambda = new LambdaClient();
  packages = await packageFunctions();
});

interface Said {
  readonly code: number;
  readonly text: string;
}

/** What somebody in a pipeline gets to see; a refusal is what they are told. */
async function run(command: (terminal: Terminal) => Promise<number>): Promise<Said> {
  const reader = person();
  const code = await command(reader).catch((error: Error) => {
    reader.print(error.message);
    return 1;
  });
  return { code, text: reader.shown() };
}

const settings = (change: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({ ...change }).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
/** What is deployed: this checkout, built once, but for what a test changes. */
const source = ({
  built = packages,
  template = CHECKOUT.template,
}: { built?: readonly Package[]; template?: Source["template"] } = {}): Source => ({
  ...CHECKOUT,
  template,
  build: async () => built,
});
const deployed = (args: readonly string[], change: Parameters<typeof source>[0] = {}): Promise<Said> =>
  run((terminal) => deploy(["--stack", STACK, ...args], terminal, source(change)));
const uninstalled = (...args: string[]): Promise<Said> =>
  run((terminal) => uninstall(["--stack", STACK, ...args], terminal));

/** The next version: one function's code is another. */
function withAnother(name: string, zip: (package_: Package) => Uint8Array): Package[] {
  return packages.map((each) => {
    if (each.name !== name) return each;
    const changed = zip(each);
    return { name, zip: changed, sha256: createHash("sha256").update(changed).digest("hex") };
  });
}
/** A comment at the end of a zip changes its hash and nothing that is in it. */
const commented = ({ zip }: Package): Uint8Array => {
  const changed = Buffer.concat([zip, Buffer.from("next")]);
  changed.writeUInt16LE(4, zip.length - 2);
  return changed;
};
const broken = (): Package[] => withAnother("tick", () => Buffer.from("no zip at all"));
const codeOf = async (name: string): Promise<string | undefined> =>
  (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: `${STACK}-${name}` }))).CodeSha256;
const packed = (name: string, from = packages): string | undefined => {
  const hash = from.find((each) => each.name === name)?.sha256;
  return hash === undefined ? undefined : Buffer.from(hash, "hex").toString("base64");
};
/** The address that a WaitCondition hears from, as soon as CloudFormation has made it. */
async function handleOf(logicalId: string): Promise<string> {
  for (;;) {
    const asked = cloudFormation.send(new DescribeStackEventsCommand({ StackName: STACK }));
    const { StackEvents = [] } = (await unlessMissing(asked, "ValidationError")) ?? {};
    const made = StackEvents.find(
      ({ LogicalResourceId, ResourceStatus }) =>
        LogicalResourceId === logicalId && ResourceStatus === "CREATE_COMPLETE",
    );
    if (made?.PhysicalResourceId !== undefined) return made.PhysicalResourceId;
    await setTimeout(100);
  }
}
/** As bytes: a signal must come without a content type. */
async function fail(handle: string): Promise<void> {
  const body = Buffer.from(JSON.stringify({ Status: "FAILURE", Reason: "as told", UniqueId: "1", Data: "" }));
  const { status } = await fetch(handle, { method: "PUT", body });
  if (status !== 200) throw new Error(`the WaitCondition was not told: ${status}`);
}
async function policy(): Promise<unknown> {
  const { StackPolicyBody = "" } = await cloudFormation.send(new GetStackPolicyCommand({ StackName: STACK }));
  return JSON.parse(StackPolicyBody);
}
const lastUpdate = async (): Promise<number | undefined> => {
  const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: STACK }));
  return Stacks[0]?.LastUpdatedTime?.getTime();
};

describe("a first deploy", () => {
  test("says all that is missing, and touches nothing", async () => {
    const { code, text } = await deployed(["--apply"]);
    expect(code).toBe(1);
    expect(text).toMatch(/- Clusters is missing[^]*- Images is missing[^]*- Domain is missing/);
    expect(await describeStack(STACK)).toBeNull();
  });

  test("is planned without touching anything", async () => {
    const { code, text } = await deployed(settings(SETTINGS));
    expect(code).toBe(0);
    expect(text).toContain(`+ stack ${STACK}-artifacts: a bucket for the bundles`);
    expect(text).toMatch(/5 functions, 6 queues, 1 table, 2 secrets/);
    expect(text).toContain("Nothing was changed: add --apply to do it.");
    expect(await Promise.all([describeStack(STACK), describeStack(`${STACK}-artifacts`)])).toEqual([null, null]);
  });

  test("that fails is rolled back and says over what; another one meanwhile only watches", async () => {
    // Waits until somebody says how it went: nobody has to be quick.
    const waits = `
  Told: {Type: "AWS::CloudFormation::WaitConditionHandle"}
  Waiting: {Type: "AWS::CloudFormation::WaitCondition", Properties: {Handle: !Ref Told, Timeout: 300}}
`;
    const template = () => CHECKOUT.template().replace("\nResources:\n", `\nResources:${waits}`);
    const first = deployed([...settings(SETTINGS), "--apply"], { template });
    const handle = await handleOf("Told");
    let told = Promise.resolve();
    const second = await run((terminal) => {
      const print = (line: string): void => {
        terminal.print(line);
        if (line.includes("is under way")) told = fail(handle);
      };
      return deploy(["--stack", STACK, ...settings(SETTINGS), "--apply"], { ...terminal, print }, source());
    });

    await told;
    expect(second.text).toMatch(/A change of deploy-test is under way[^]*It ended as ROLLBACK_COMPLETE/);
    const { code, text } = await first;
    expect(text).toMatch(
      /Waiting \(CloudFormation::WaitCondition\) failed:\n {2}\S+[^]*The next deploy clears the empty stack\naway\./,
    );
    expect([code, second.code]).toEqual([1, 1]);
  });

  test("clears the failed one away, succeeds, and says what is next", async () => {
    const { code, text } = await deployed([...settings(SETTINGS), "--apply"]);
    expect(text).toContain("- what an earlier, failed creation left: an empty stack");
    expect(text).toMatch(
      /Deployed\.\n {2}WebhookUrl +https?:\/\/\S+\n {2}DeployerRoleArn +arn:\S+[^]*next +npm run proa -- setup --stack deploy-test/,
    );
    expect(code).toBe(0);
    expect(await codeOf("tick")).toBe(packed("tick"));
  });

  test("protects what holds data", async () => {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: STACK }));
    expect(Stacks[0]).toMatchObject({ EnableTerminationProtection: true });
    expect(await policy()).toMatchObject({
      Statement: [{ Effect: "Allow" }, { Effect: "Deny", Action: ["Update:Replace", "Update:Delete"] }],
    });
  });
});

describe("a later deploy", () => {
  test("of the same has nothing to do", async () => {
    const before = await lastUpdate();
    const { code, text } = await deployed(["--apply"]);
    expect(code).toBe(0);
    expect(text).toContain(`Nothing to do: ${STACK} runs Proa`);
    expect(await lastUpdate()).toBe(before);
  });

  test("of other code is one line, and changes that function alone", async () => {
    const next = withAnother("tick", commented);
    const plan = await deployed([], { built: next });
    expect(plan.text).toMatch(/\n {2}~ code of tick\n/);
    expect(await codeOf("tick")).toBe(packed("tick"));

    expect((await deployed(["--apply"], { built: next })).code).toBe(0);
    expect(await codeOf("tick")).toBe(packed("tick", next));
    expect(await codeOf("webhook")).toBe(packed("webhook"));
  });

  test("can be taken back, and taken back again", async () => {
    const { code, text } = await deployed(["--rollback", "--apply"]);
    expect(text).toMatch(/Plan: back to Proa \S+\n {2}~ code of tick\n/);
    expect(code).toBe(0);
    expect(await codeOf("tick")).toBe(packed("tick"));
    await deployed(["--rollback", "--apply"]);
    expect(await codeOf("tick")).toBe(packed("tick", withAnother("tick", commented)));
    expect((await deployed(["--apply"])).code).toBe(0);
  });

  test("that would lose data is refused, unless that is what somebody wants", async () => {
    // A queue's name is what it is: another name is another queue.
    const template = () => CHECKOUT.template().replaceAll("-tick-dead", "-tick-dead-letters");
    const { code, text } = await deployed(["--apply"], { template });
    expect(text).toContain("TickDeadQueue (work that is waiting) would be replaced by an empty one");
    expect(text).toContain("--replace-data");
    expect(code).toBe(1);
    expect((await deployed(["--apply"])).text).toContain("Nothing to do");

    const lost = await deployed(["--apply", "--replace-data"], { template });
    expect(lost.code).toBe(0);
    expect(await policy()).toMatchObject({ Statement: [{ Effect: "Allow" }, { Effect: "Deny" }] });
    expect((await deployed(["--apply", "--replace-data"])).code).toBe(0);
  });

  test("that fails returns to the release before, and says why", async () => {
    const { code, text } = await deployed(["--apply"], { built: broken() });
    expect(code).toBe(1);
    expect(text).toMatch(/TickFunction \(Lambda::Function\) failed:/);
    expect(text).toContain("Everything is back to how it was before");
    expect(await codeOf("tick")).toBe(packed("tick"));
  });

  test("that somebody else overtakes is not applied", async () => {
    const overtaken: Terminal = {
      print: () => undefined,
      ask: async () => {
        await deployed([...settings({ LogsInPublic: "true" }), "--apply"]);
        return "y";
      },
    };
    const args = ["--stack", STACK, ...settings({ DeployerMemory: "2048" })];
    await expect(deploy(args, overtaken, source())).rejects.toThrow("somebody else changed the stack in the meantime");
    expect(await describeStack(STACK)).toMatchObject({ parameters: { LogsInPublic: "true", DeployerMemory: "1024" } });
  });
});

describe("an uninstall", () => {
  test("is planned without touching anything", async () => {
    const { code, text } = await uninstalled();
    expect(code).toBe(0);
    expect(text).toContain("Nothing was changed: add --apply to do it.");
    expect(await describeStack(STACK)).toMatchObject({ status: "UPDATE_COMPLETE" });
  });

  test("keeps the table and, for a month, the secrets", async () => {
    const { code, text } = await uninstalled("--apply");
    expect(text).toContain("Webhooks are refused now.");
    expect(text).toContain(`Gone: nothing else in eu-west-1 carries the label proa:stack=${STACK}. Kept:`);
    expect(code).toBe(0);
    for (const name of ["webhook", "app"])
      expect(text).toContain(`= secret ${STACK}/${name}, deleted, and can be had back until`);
    const left = await taggedResources(await connect({ region: null, profile: null }), STACK);
    expect(left.filter((arn) => !arn.includes(":secret:"))).toEqual([expect.stringMatching(/:table\/deploy-test$/)]);
  });

  test("is undone by the next deploy, which goes on with them", async () => {
    const { code, text } = await deployed([...settings(SETTINGS), "--apply"]);
    expect(code).toBe(0);
    expect(text).toContain(`taken over from an earlier install: the table ${STACK}`);
    expect(text).toContain(`the secret ${STACK}/app, which`);
    expect(await describeStack(STACK)).toMatchObject({ parameters: { ExistingTable: STACK } });
  });

  test("leaves nothing when it is told to, and then has nothing to do", async () => {
    expect((await uninstalled("--apply", "--delete-data", "--forget")).code).toBe(0);
    const aws = await connect({ region: null, profile: null });
    expect(await taggedResources(aws, STACK)).toEqual([]);
    const { code, text } = await uninstalled("--apply", "--delete-data", "--forget");
    expect(text).toContain(`Nothing to do: there is no install named ${STACK} here.`);
    expect(code).toBe(0);
  });
});
