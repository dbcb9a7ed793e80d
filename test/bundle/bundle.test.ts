import { execFile } from "node:child_process";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, buildFunctions } from "../../scripts/build.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { parseRepoId } from "../../src/core/names.ts";

const run = promisify(execFile);
const SECRET = "a webhook secret of the bundle tests";

/** npm packages that may end up in each function. A new one here is a decision, not an accident. */
const PACKAGES: Readonly<Record<string, readonly RegExp[]>> = {
  webhook: [/^yaml$/],
  tick: [/^yaml$/],
  reporter: [/^yaml$/, /^@octokit\//, ...octokitNeeds()],
  sweeper: [/^yaml$/, /^@octokit\//, ...octokitNeeds(), /^@kubernetes\/client-node$/, ...kubernetesNeeds()],
  deployer: [
    /^yaml$/,
    /^@octokit\//,
    ...octokitNeeds(),
    /^@kubernetes\/client-node$/,
    ...kubernetesNeeds(),
    /^@aws-sdk\//,
    /^@smithy\//,
    /^@aws-crypto\//,
    /^(tslib|bowser|@aws\/lambda-invoke-store|fast-xml-parser|strnum)$/,
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

  test("every function of the folder is built", () => {
    expect(bundles.map(({ name }) => name)).toEqual(Object.keys(PACKAGES).toSorted());
  });
});

describe("a built function, in a process of its own", () => {
  test("webhook queues a signed delivery", async () => {
    const body = JSON.stringify(pullRequest);
    const answer = await invoke("webhook", delivery(body, createHmac("sha256", SECRET).update(body).digest("hex")));
    expect(answer).toMatchObject({ statusCode: 202, body: expect.stringContaining("queued") });
  });

  test("webhook refuses a forged one", async () => {
    const answer = await invoke("webhook", delivery(JSON.stringify(pullRequest), "0".repeat(64)));
    expect(answer).toMatchObject({ statusCode: 401 });
  });

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

  test("tick forwards", async () => {
    const tick = { v: 1, kind: "tick", target: { kind: "preview", repoId: 1, number: 7 }, n: 3 };
    expect(await invoke("tick", sqs(tick))).toEqual({ batchItemFailures: [] });
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
  const script = `const { handler } = await import(${JSON.stringify(bundleOf(name).file)});
    const answer = await handler(${JSON.stringify(event)}, {});
    process.stdout.write("\\n" + JSON.stringify(answer) + "\\n", () => process.exit(0));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { env });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as unknown;
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
    PROA_WEBHOOK_SECRETS: SECRET,
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

function delivery(body: string, signature: string) {
  const headers = {
    "x-hub-signature-256": `sha256=${signature}`,
    "x-github-event": "pull_request",
    "x-github-delivery": "0d8a7f4e-3a5c-4a55-9a55-2f8f1f6f1b11",
    "content-type": "application/json",
  };
  return { headers, body, isBase64Encoded: false, requestContext: { http: { method: "POST" } } };
}

const pullRequest = JSON.parse(
  readFileSync(new URL("../fixtures/pull-request-opened.json", import.meta.url), "utf8"),
) as unknown;

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
