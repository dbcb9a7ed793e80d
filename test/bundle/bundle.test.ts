import { execFile } from "node:child_process";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Bundle, buildFunctions } from "../../scripts/build.ts";
import { loadedFirst } from "../../scripts/build/loaded-first.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { parseRepoId } from "../../src/core/names.ts";
import { type AwsAnswer, type AwsAsked, type AwsStub, startAwsStub } from "../adapters/aws-stub.ts";
import { comment } from "../core/event-fixture.ts";

const run = promisify(execFile);
const SECRET = "a webhook secret of the bundle tests";

/** npm packages that may end up in each function. A new one here is a decision, not an accident. */
const PACKAGES: Readonly<Record<string, readonly RegExp[]>> = {
  webhook: [/^@octokit\/webhooks-methods$/],
  tick: [],
  reporter: [/^yaml$/, /^@octokit\//, ...octokitNeeds(), ...awsNeeds()],
  sweeper: [
    /^(yaml|aws4)$/,
    /^@octokit\//,
    ...octokitNeeds(),
    ...awsNeeds(),
    /^@kubernetes\/client-node$/,
    ...kubernetesNeeds(),
  ],
  deployer: [
    /^(yaml|aws4)$/,
    /^@octokit\//,
    ...octokitNeeds(),
    ...awsNeeds(),
    /^@kubernetes\/client-node$/,
    ...kubernetesNeeds(),
  ],
};

let dir = "";
let bundles: readonly Bundle[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "proa-bundle-"));
  bundles = await buildFunctions(join(dir, "dist"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("what is in a bundle", () => {
  test.each(Object.keys(PACKAGES))("%s holds no package that is not on its list", (name) => {
    const allowed = PACKAGES[name] ?? [];
    expect(bundleOf(name).packages.filter((found) => !allowed.some((pattern) => pattern.test(found)))).toEqual([]);
  });

  test("webhook reaches neither a cluster, nor a registry, nor GitHub's API", () => {
    const reached = bundleOf("webhook").inputs.filter((path) => /adapters\/(github|kubernetes|registry)/.test(path));
    expect(reached).toEqual([]);
  });

  // 20 KB are what a cold start does not notice (docs/performance.md). Comments, buttons and installations come in a file of their own.
  test.each(["webhook", "tick"])("%s answers its first event with 20 KB of code", (name) => {
    expect(loadedFirst(bundleOf(name).file)).toBeLessThanOrEqual(20 * 1024);
  });

  test("every function of the folder is built", () => {
    expect(bundles.map(({ name }) => name)).toEqual(Object.keys(PACKAGES).toSorted());
  });
});

describe("a built function, in a process of its own", () => {
  test("deployer records that GitHub cannot be reached, and acknowledges the message", async () => {
    const look = {
      v: 1,
      kind: "look",
      delivery: "d",
      installation: 1,
      repo: "acme/shop",
      receivedAt: 1,
      because: "test",
      sha: null,
    };
    const target = { kind: "preview", repoId: parseRepoId(1) ?? never(), number: 7 } as const;
    expect(await invoke("deployer", sqs({ ...look, target }))).toEqual({ batchItemFailures: [] });
    const table = createSqliteTable(join(dir, "store.sqlite"));
    expect((await createStore(table).load(target)).state).toMatchObject({ failures: 1, wake: { n: 1 } });
    table.close();
  });

  test("deployer gives a message back that it does not understand", async () => {
    expect(await invoke("deployer", sqs({ v: 99, kind: "look" }))).toEqual({
      batchItemFailures: [{ itemIdentifier: "m1" }],
    });
  });

  test("reporter finds nothing to tell", async () => {
    expect(await invoke("reporter", sqs({ v: 1, kind: "report", installation: 1 }))).toEqual({ batchItemFailures: [] });
  });

  test("sweeper finds nothing overdue", async () => {
    expect(await invoke("sweeper", { sweep: "overdue" })).toEqual({ targets: expect.any(Number) });
  });

  test.each(Object.keys(PACKAGES))(
    "%s says everything that is missing from its settings, in one message",
    async (name) => {
      const failure = await invoke(name, sqs({}), {}).catch((error: { stderr: string }) => error.stderr);
      const missing = ["PROA_QUEUE", ...(name === "tick" ? [] : ["PROA_GITHUB_APP_ID"])];
      expect(missing.filter((variable) => !String(failure).includes(variable))).toEqual([]);
    },
  );
});

describe("webhook and tick, in a process of their own, with AWS' protocol on the other side", () => {
  let aws: AwsStub;
  beforeEach(async () => {
    aws = await startAwsStub();
    aws.answer(answerAws);
  });
  afterEach(() => aws.close());

  const onAws = (): Record<string, string> => ({
    ...aws.env,
    PROA_QUEUE: "sqs:https://sqs.eu-west-1.amazonaws.com/1/proa",
  });
  const webhookEnv = () => ({
    ...onAws(),
    PROA_SECRET: "arn:aws:secretsmanager:eu-west-1:1:secret:proa/webhook-AbCdEf",
  });
  const asked = () => aws.asked.map(({ target }) => target);

  test("webhook queues a signed delivery: one call before the answer, once it knows its secret", async () => {
    const answers = await invokeAll("webhook", [[signed(pullRequest)], [signed(pullRequest)]], webhookEnv());
    expect(answers).toMatchObject([{ statusCode: 202, body: '{"queued":1}' }, { statusCode: 202 }]);
    expect(asked()).toEqual([
      "secretsmanager.GetSecretValue",
      "AmazonSQS.SendMessageBatch",
      "AmazonSQS.SendMessageBatch",
    ]);
    expect(aws.connections()).toBe(2);
  });

  test("webhook reads its secret once for two deliveries that come at once", async () => {
    const answers = await invokeAll("webhook", [[signed(pullRequest), signed(pullRequest)]], webhookEnv());
    expect(answers).toMatchObject([{ statusCode: 202 }, { statusCode: 202 }]);
    expect(asked().filter((target) => target === "secretsmanager.GetSecretValue")).toHaveLength(1);
  });

  test("webhook refuses a forged delivery, and asks nobody for each of them", async () => {
    const forged = delivery(JSON.stringify(pullRequest), "0".repeat(64));
    const answers = await invokeAll("webhook", [[forged], [forged], [forged]], webhookEnv());
    expect(answers).toMatchObject([{ statusCode: 401 }, { statusCode: 401 }, { statusCode: 401 }]);
    expect(asked()).toEqual(["secretsmanager.GetSecretValue"]);
  });

  test("webhook takes a command in a comment, which it loads a file of its own for", async () => {
    const payload = comment("/deploy");
    const answers = await invokeAll("webhook", [[signed(payload, "issue_comment")]], webhookEnv());
    expect(answers).toMatchObject([{ statusCode: 202, body: '{"queued":1}' }]);
    expect(JSON.stringify(aws.asked.at(-1)?.parameters)).toContain(':command"');
  });

  test("webhook says that nobody has set it up, and what to do", async () => {
    aws.answer({ body: { SecretString: "{}" } });
    expect(await invokeAll("webhook", [[signed(pullRequest)]], webhookEnv())).toMatchObject([
      { statusCode: 503, body: '{"error":"not set up yet: run `proa setup`"}' },
    ]);
  });

  test("webhook fails a delivery while its secret cannot be read, and takes the next", async () => {
    aws.answer({ status: 400, body: { __type: "AccessDeniedException" } }, answerAws);
    const answers = await invokeAll("webhook", [[signed(pullRequest)], [signed(pullRequest)]], webhookEnv());
    expect(answers).toMatchObject([{ statusCode: 503 }, { statusCode: 202 }]);
  });

  test("webhook fails a delivery that the queue does not take", async () => {
    aws.answer(answerAws, { status: 400, body: { __type: "AWS.SimpleQueueService.NonExistentQueue" } });
    expect(await invokeAll("webhook", [[signed(pullRequest)]], webhookEnv())).toMatchObject([{ statusCode: 500 }]);
  });

  test("webhook answers without having loaded what global fetch is made of", async () => {
    const loaded = `process.moduleLoadList.filter((name) => /undici/.test(name))`;
    const answers = await invokeAll("webhook", [[signed(pullRequest)]], webhookEnv(), loaded);
    expect(answers).toMatchObject([{ statusCode: 202 }, []]);
  });

  test("tick forwards", async () => {
    const tick = { v: 1, kind: "tick", target: { kind: "preview", repoId: 1, number: 7 }, n: 3 };
    expect(await invoke("tick", sqs(tick), onAws())).toEqual({ batchItemFailures: [] });
    expect(aws.asked).toMatchObject([{ parameters: { Entries: [{ MessageGroupId: "preview/1/7" }] } }]);
  });
});

function answerAws({ target, parameters }: AwsAsked): AwsAnswer {
  if (target === "secretsmanager.GetSecretValue")
    return { body: { SecretString: JSON.stringify({ PROA_GITHUB_APP_ID: "1", PROA_WEBHOOK_SECRETS: SECRET }) } };
  const entries = parameters["Entries"] as readonly { readonly Id: string }[];
  return { body: { Successful: entries.map(({ Id }) => ({ Id })) } };
}

function never(): never {
  throw new Error("1 is a repository's number");
}

const bundleOf = (name: string): Bundle => {
  const found = bundles.find((bundle) => bundle.name === name);
  if (found === undefined) throw new Error(`${name} was not built`);
  return found;
};

/** Imports the built file, as Lambda does, and calls its handler; what the handler answers is the last line. */
async function invoke(name: string, event: unknown, env: Record<string, string> = environment()): Promise<unknown> {
  const [answer] = await invokeAll(name, [[event]], env);
  return answer;
}

/** The events of each list at once, one list after the other; `last` is evaluated after them. */
async function invokeAll(
  name: string,
  events: readonly (readonly unknown[])[],
  env: Record<string, string>,
  last?: string,
): Promise<readonly unknown[]> {
  const script = `const { handler } = await import(${JSON.stringify(bundleOf(name).file)});
    const answers = [];
    for (const some of ${JSON.stringify(events)}) answers.push(...(await Promise.all(some.map((event) => handler(event, {})))));
    ${last === undefined ? "" : `answers.push(${last});`}
    process.stdout.write("\\n" + JSON.stringify(answers) + "\\n", () => process.exit(0));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as unknown[];
}

/** GitHub and the cluster are at a port where nobody listens. */
function environment(): Record<string, string> {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const kubeconfig = join(dir, "kubeconfig");
  writeFileSync(kubeconfig, KUBECONFIG);
  return {
    PROA_GITHUB_API_URL: "http://127.0.0.1:9",
    PROA_GITHUB_APP_ID: "1",
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: privateKey,
    PROA_STORE: `sqlite:${join(dir, "store.sqlite")}`,
    PROA_QUEUE: `sqlite:${join(dir, "queue.sqlite")}`,
    PROA_KUBECONFIG: kubeconfig,
    PROA_IMAGES: "registry.example/acme/**",
    PROA_DEFAULT_IMAGE: "registry.example/{owner}/{repo}-{service}",
    PROA_DOMAIN: "preview.example",
  };
}

const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
`;

const sqs = (body: unknown) => ({ Records: [{ messageId: "m1", body: JSON.stringify(body) }] });

function signed(payload: unknown, event?: string) {
  const body = JSON.stringify(payload);
  return delivery(body, createHmac("sha256", SECRET).update(body).digest("hex"), event);
}

function delivery(body: string, signature: string, event = "pull_request") {
  const headers = {
    "x-hub-signature-256": `sha256=${signature}`,
    "x-github-event": event,
    "x-github-delivery": "0d8a7f4e-3a5c-4a55-9a55-2f8f1f6f1b11",
    "content-type": "application/json",
  };
  return { headers, body, isBase64Encoded: false, requestContext: { http: { method: "POST" } } };
}

const pullRequest = JSON.parse(
  readFileSync(new URL("../fixtures/pull-request-opened.json", import.meta.url), "utf8"),
) as unknown;

/** What AWS' SDK brings along. */
function awsNeeds(): RegExp[] {
  return [/^@aws-sdk\//, /^@smithy\//, /^@aws\/lambda-invoke-store$/, /^(bowser|mnemonist|obliterator)$/];
}

/** What Octokit brings along. */
function octokitNeeds(): RegExp[] {
  return [
    /^(universal-user-agent|before-after-hook|fast-content-type-parse|content-type|json-with-bigint|toad-cache|universal-github-app-jwt)$/,
  ];
}

/** What the Kubernetes client brings along. */
function kubernetesNeeds(): RegExp[] {
  return [
    /^(undici|js-yaml|jose|jsonpath-plus|openid-client|oauth4webapi|hpagent|socks.*|smart-buffer|ip-address|ws|isomorphic-ws|tar.*|stream.*|b4a|fast-fifo|text-decoder|events-universal|rfc4648|form-data|node-fetch|bare-.*|pump|end-of-stream|once|wrappy|agent-base|debug|ms|jsep|@jsep-plugin.*)$/,
  ];
}
