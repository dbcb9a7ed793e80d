import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { SetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { appendFileSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { parseRepoId, type Target } from "../../src/core/names.ts";
import { FUNCTIONS, type FunctionName } from "../infra/iam-used.ts";
import { live, recordOf } from "../journeys/races-support.ts";
import { inventory } from "./inventory.ts";
import { clientOptions } from "./ministack.ts";
import { processesOf } from "./processes.ts";
import { CHECKOUT, proaCommand } from "./stack.ts";
import { worldsOnAws } from "./worlds.ts";

const { account, proa, startWorld } = worldsOnAws();

let empty: Readonly<Record<string, readonly string[]>> = {};
beforeAll(async () => {
  empty = await inventory(account().env);
});

test(
  "killed functions, an upgrade and the way back lose nothing of what is on its way",
  { timeout: 600_000 },
  async (t) => {
    const shop = await startWorld(t);
    const { env, group } = account();
    const { stack, outputs } = proa();
    const { person } = shop;

    // A function that died is waited for as long as its message is hidden: the stack's minute is a test's seconds.
    const sqs = new SQSClient(clientOptions(env));
    for (const queue of ["DeployerQueueUrl", "ReporterQueueUrl", "TickQueueUrl"])
      await sqs.send(
        new SetQueueAttributesCommand({ QueueUrl: outputs[queue], Attributes: { VisibilityTimeout: "20" } }),
      );

    // Each function that has a process loses it, the deployer while a preview is made.
    const lamp = await person.openPullRequest({ branch: "lamp" });
    const kill = (name: FunctionName): Promise<unknown> =>
      shop.until(() => {
        const pids = processesOf(group, `${stack}-${name}`);
        for (const pid of pids) process.kill(pid, "SIGKILL");
        return pids.length > 0;
      }, `${name} runs, and is killed`);
    await shop.until(() => shop.namespace(shop.previewNamespace(lamp.number)), "the preview is being made");
    await kill("deployer");
    await kill("webhook");
    const pushed = await person.push("lamp", "good");
    await kill("reporter");
    await kill("tick");
    await live(shop, pushed, "preview");
    expect(await shop.serving("pr-1.shop.localhost")).toBe(pushed);

    // An upgrade while a rollout is watched: the new functions go on watching it.
    const stuck = await person.openPullRequest({ branch: "stuck", version: "never-ready" });
    const repoId = parseRepoId(shop.id);
    if (repoId === null) throw new Error(`${shop.id} is not a repository's number`);
    const preview: Target = { kind: "preview", repoId, number: stuck.number };
    const rollout = async () => (await shop.world.store.load(preview)).state?.rollout ?? null;
    const before = await shop.until(rollout, "a rollout that does not end is watched");
    const code = await codeOf(stack);
    await proaCommand(env, ["deploy", "--apply", "--stack", stack], anotherVersion());
    const upgraded = await codeOf(stack);
    for (const name of FUNCTIONS) expect(upgraded[name]).not.toBe(code[name]);
    const { wake } = await recordOf(shop, preview);
    await shop.until(
      async () => (await recordOf(shop, preview)).wake?.n !== wake?.n,
      "the new deployer has looked at it",
    );
    expect(await rollout()).toMatchObject({ rev: before.rev });

    // And back again, while something else comes up.
    const oar = await person.openPullRequest({ branch: "oar" });
    await proaCommand(env, ["deploy", "--apply", "--stack", stack, "--rollback"]);
    expect(await codeOf(stack)).toEqual(code);
    await live(shop, oar.sha, "preview");
    const mended = await person.push("stuck", "good");
    await live(shop, mended, "preview");

    async function codeOf(name: string): Promise<Record<string, string | undefined>> {
      const lambda = new LambdaClient(clientOptions(env));
      const found = FUNCTIONS.map(async (each) => {
        const { CodeSha256 } = await lambda.send(
          new GetFunctionConfigurationCommand({ FunctionName: `${name}-${each}` }),
        );
        return [each, CodeSha256] as const;
      });
      return Object.fromEntries(await Promise.all(found));
    }
  },
);

test("uninstalled, nothing of it is left in the account", async () => {
  const { env } = account();
  const { stack } = proa();
  const installed = await inventory(env);
  // An inventory that finds nothing anyway would prove nothing.
  expect(Object.keys(installed).filter((kind) => installed[kind]?.length === empty[kind]?.length)).toEqual([]);
  await proaCommand(env, ["uninstall", "--apply", "--now", "--delete-data", "--forget", "--stack", stack]);
  expect(await inventory(env)).toEqual(empty);
});

/** A checkout whose functions differ from this one's in nothing that anybody would notice. */
function anotherVersion(): string {
  const checkout = mkdtempSync(join(tmpdir(), "proa-checkout-"));
  onTestFinished(() => rmSync(checkout, { recursive: true }));
  for (const part of ["functions", "infra", "scripts", "src", "templates", "package.json", "tsconfig.json"])
    cpSync(join(CHECKOUT, part), join(checkout, part), { recursive: true });
  symlinkSync(join(CHECKOUT, "node_modules"), join(checkout, "node_modules"));
  for (const name of FUNCTIONS)
    appendFileSync(
      join(checkout, "functions", `${name}.ts`),
      `\nprocess.env["PROA_NOBODY_READS_THIS"] = "upgraded";\n`,
    );
  return checkout;
}
