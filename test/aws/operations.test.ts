import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, inject, test } from "vitest";
import { deploy } from "../../scripts/deploy.ts";
import { awsChecks } from "../../scripts/doctor/aws-checks.ts";
import { awsFacts } from "../../scripts/doctor/aws-facts.ts";
import { signedPing } from "../../scripts/installation/ping.ts";
import { createSecrets } from "../../scripts/installation/secrets.ts";
import { createSqs } from "../../scripts/installation/sqs.ts";
import { requireStack, type Stack } from "../../scripts/installation/stack.ts";
import { redrive } from "../../scripts/redrive.ts";
import { setup } from "../../scripts/setup.ts";
import { uninstall } from "../../scripts/uninstall.ts";
import { appKey, startGitHubStub, stubApp } from "../scripts/github-stub.ts";
import { person } from "../scripts/person.ts";

const STACK = "operations-test";
let stack: Stack;

beforeAll(async () => {
  Object.assign(process.env, inject("aws"));
  const parameters = [
    "Clusters=default=eks:apps",
    "Images=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/**",
    "DefaultImage=123456789012.dkr.ecr.eu-west-1.amazonaws.com/{owner}/{repo}-{service}",
    "Domain=preview.example.com",
    // The sweeps of this stack ask nobody real.
    "GitHubApiUrl=https://github.invalid/api/v3",
  ].flatMap((assignment) => ["--set", assignment]);
  const somebody = person();
  if ((await deploy(["--stack", STACK, "--apply", ...parameters], somebody)) !== 0) throw new Error(somebody.shown());
  stack = await requireStack(STACK);
  return async () =>
    void (await uninstall(["--stack", STACK, "--apply", "--now", "--delete-data", "--forget"], person()));
});

/** The name of a Function URL is not in this machine's DNS: MiniStack knows it by the request's `Host`. */
function ping(url: string, secret: string): Promise<{ status: number; body: string }> {
  const { headers, body } = signedPing(secret);
  const at = new URL(process.env["AWS_ENDPOINT_URL"] ?? "");
  return new Promise((resolve, reject) => {
    const sent = request(at, { method: "POST", headers: { ...headers, host: new URL(url).host } }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += String(chunk)));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** What doctor has to say about the stack, but for what the stand-in does not tell. */
async function complaints(): Promise<string[]> {
  const { checks } = awsChecks(await awsFacts(stack, createSecrets(), ping), stack.outputs["Version"] ?? "");
  return (
    checks
      // Alarms of a stack that was made a moment ago, and refused its first delivery, may ring.
      .filter(({ level, what }) => level !== "ok" && !/^The (table's index|alarm )/.test(what))
      .map(({ what }) => what)
  );
}

test("doctor finds a fresh stack well but for its App; setup stores one, and the webhook takes what is signed with its secret", async (t) => {
  expect(await complaints()).toEqual(["The webhook is not set up yet"]);

  const github = await startGitHubStub();
  const dir = mkdtempSync(join(tmpdir(), "proa-operations-"));
  t.onTestFinished(async () => {
    await github.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const key = appKey();
  github.apps.push(stubApp({ id: 77, slug: "proa-acme", privateKeyPem: key }));
  const file = join(dir, "key.pem");
  writeFileSync(file, key);
  const somebody = person();
  const app = ["--github-url", github.url, "--app-id", "77", "--private-key", file];
  const code = await setup(["--stack", STACK, ...app, "--apply"], somebody);
  expect({ code, shown: somebody.shown() }).toMatchObject({ code: 0 });
  expect(github.apps[0]?.hook.url).toBe(stack.outputs["WebhookUrl"]);

  expect(await complaints()).toEqual([]);
});

test("dead letters are shown, counted by doctor, and sent back in their order", async () => {
  const sqs = createSqs();
  const dead = stack.outputs["ReporterDeadQueueUrl"];
  const letter = { QueueUrl: dead, MessageBody: JSON.stringify({ installation: 3 }), MessageGroupId: "outbox/3" };
  await sqs.send(new SendMessageCommand({ ...letter, MessageDeduplicationId: randomUUID() }));
  expect(await complaints()).toContain("1 dead letter of the reporter");

  const somebody = person("no");
  expect(await redrive(["reporter", "--stack", STACK], somebody)).toBe(0);
  expect(somebody.shown()).toContain("reports of installation 3");

  expect(await redrive(["reporter", "--stack", STACK, "--apply"], person())).toBe(0);
  expect(await complaints()).not.toContain("1 dead letter of the reporter");
});
