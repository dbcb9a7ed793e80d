import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { setup } from "../../scripts/setup.ts";
import { type AwsStub, describedStack, type Reply, secretsManager, startAwsStub } from "./aws-stub.ts";
import { appKey, type GitHubStub, startGitHubStub, stubApp, type StubApp } from "./github-stub.ts";
import { type Person, person } from "./person.ts";

const HOOK = "https://hook.example/";
const CHROMIUM = "/usr/bin/chromium";

let github: GitHubStub;
let aws: AwsStub;
let dir: string;
const secrets = new Map<string, string>();
let refusals: Reply[];

beforeEach(async () => {
  secrets.clear();
  secrets.set("proa/webhook", "{}").set("proa/app", "{}");
  refusals = [];
  dir = mkdtempSync(join(tmpdir(), "proa-setup-"));
  github = await startGitHubStub();
  aws = await startAwsStub({
    DescribeStacks: () => describedStack({ name: "proa", outputs: { WebhookUrl: HOOK } }),
    ...secretsManager(secrets, () => refusals.shift() ?? null),
  });
  Object.assign(process.env, aws.env);
});

afterEach(async () => {
  await Promise.all([github.close(), aws.close()]);
  rmSync(dir, { recursive: true, force: true });
});

const run = (somebody: Person, ...args: string[]) => setup(["--github-url", github.url, ...args], somebody);
const stored = (name: string) => JSON.parse(secrets.get(`proa/${name}`) ?? "") as Record<string, unknown>;

/** A person whose browser does what the page says: posts the form to GitHub, and goes where that sends it. */
function withBrowser(...answers: string[]): Person {
  const somebody = person(...answers);
  return {
    ...somebody,
    print(text) {
      somebody.print(text);
      const address = /http:\/\/127\.0\.0\.1:\d+\/$/m.exec(text)?.[0];
      if (address !== undefined) void press(address);
    },
  };
}

async function press(address: string): Promise<void> {
  const html = await (await fetch(address)).text();
  const field = (pattern: RegExp): string =>
    (pattern.exec(html)?.[1] ?? "").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const body = new URLSearchParams({ manifest: field(/name="manifest" value="([^"]*)"/) });
  await fetch(field(/action="([^"]*)"/), { method: "POST", body });
}

function existingApp(change: Partial<StubApp> = {}): { app: StubApp; keyFile: string } {
  const app = stubApp({ id: 77, slug: "proa-acme", privateKeyPem: appKey(), ...change });
  github.apps.push(app);
  const keyFile = join(dir, "key.pem");
  writeFileSync(keyFile, app.privateKeyPem);
  return { app, keyFile };
}

test("without a yes it shows what it would do, and changes nothing anywhere", async () => {
  const nobody = person();
  expect(await run(nobody, "--org", "acme")).toBe(0);
  expect(nobody.shown()).toContain("Nothing was changed: add --apply to do it.");
  expect(nobody.shown()).toContain("merge_queues: read");
  expect(github.calls).toEqual([]);
  expect(aws.calls).not.toContain("PutSecretValue");
});

test("the App is made in the browser and stored, its webhook speaks JSON, and nothing secret is shown", async () => {
  secrets.set("proa/app", '{"PROA_REGISTRIES": {"registry.example": {"kind": "ecr"}}}');
  const somebody = withBrowser();
  expect(await run(somebody, "--org", "acme", "--apply")).toBe(0);
  const [app] = github.apps;
  expect(github.calls).toContain("POST /organizations/acme/settings/apps/new");
  expect(stored("app")).toEqual({
    PROA_REGISTRIES: { "registry.example": { kind: "ecr" } },
    PROA_GITHUB_APP_ID: "4000",
    PROA_GITHUB_APP_SLUG: "proa-acme",
    PROA_GITHUB_PRIVATE_KEY: app?.privateKeyPem,
  });
  expect(stored("webhook")).toEqual({ PROA_GITHUB_APP_ID: "4000", PROA_WEBHOOK_SECRETS: app?.hook.secret });
  expect(app?.hook).toMatchObject({ url: HOOK, content_type: "json", insecure_ssl: "0" });
  expect(somebody.shown()).toContain("/apps/proa-acme/installations/new");
  expect(somebody.shown()).not.toContain("PRIVATE KEY");
  expect(somebody.shown()).not.toContain("made-by-github");
});

test("a real browser does it with one press", { timeout: 60_000 }, async ({ skip }) => {
  const missing = `There is no browser at ${CHROMIUM}: apt-get install chromium`;
  if (!existsSync(CHROMIUM) && process.env["CI"] !== undefined) throw new Error(missing);
  skip(!existsSync(CHROMIUM), missing);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage();
    const opened = Promise.withResolvers<string>();
    const somebody = person();
    const watching: Person = {
      ...somebody,
      print(text) {
        somebody.print(text);
        const address = /http:\/\/127\.0\.0\.1:\d+\/$/m.exec(text)?.[0];
        if (address !== undefined) opened.resolve(address);
      },
    };
    const ended = run(watching, "--apply");
    await page.goto(await opened.promise);
    await page.getByRole("button", { name: /Create the App/ }).click();
    await page.getByRole("heading", { name: "The App is made" }).waitFor();
    expect(await ended).toBe(0);
    expect(stored("app")["PROA_GITHUB_APP_ID"]).toBe("4000");
  } finally {
    await browser.close();
  }
});

test("what comes back without this run's state is somebody else's, and is not taken", async () => {
  const somebody = person();
  const refused = Promise.withResolvers<number>();
  const intrude = async (address: string): Promise<void> => {
    const { status } = await fetch(`${address}created?code=code-9&state=guessed`);
    refused.resolve(status);
    await press(address);
  };
  const ended = run(
    {
      ...somebody,
      print(text) {
        const address = /http:\/\/127\.0\.0\.1:\d+\/$/m.exec(text)?.[0];
        if (address === undefined) return;
        void intrude(address);
      },
    },
    "--apply",
  );
  expect(await refused.promise).toBe(400);
  expect(await ended).toBe(0);
  expect(stored("app")["PROA_GITHUB_APP_ID"]).toBe("4000");
});

test("where AWS does not take the key, it is kept for another try", async () => {
  refusals = [{ __type: "AccessDeniedException", message: "no" }];
  const somebody = withBrowser("");
  expect(await run(somebody, "--apply")).toBe(0);
  expect(somebody.shown()).toContain("AWS did not take the secret: AWS refuses: no");
  expect(stored("app")["PROA_GITHUB_PRIVATE_KEY"]).toBe(github.apps[0]?.privateKeyPem);
});

test("who gives up is told how a new key is made", async () => {
  refusals = [{ __type: "AccessDeniedException", message: "no" }];
  const somebody = withBrowser("q");
  expect(await run(somebody, "--apply")).toBe(1);
  expect(somebody.shown()).toContain("setup --replace --app-id 4000 --private-key <file>");
  expect(somebody.shown()).not.toContain("PRIVATE KEY");
});

test("an App that is stored stays, unless another is wanted in its place", async () => {
  secrets
    .set(
      "proa/app",
      '{"PROA_GITHUB_APP_ID": "5", "PROA_GITHUB_APP_SLUG": "proa-old", "PROA_GITHUB_PRIVATE_KEY": "kept"}',
    )
    .set("proa/webhook", '{"PROA_GITHUB_APP_ID": "5", "PROA_WEBHOOK_SECRETS": "kept"}');
  const { app, keyFile } = existingApp();
  const use = ["--app-id", "77", "--private-key", keyFile, "--apply"];
  const first = person();
  expect(await run(first, ...use)).toBe(0);
  expect(first.shown()).toContain("has its App already: proa-old (5)");
  expect(stored("app")["PROA_GITHUB_PRIVATE_KEY"]).toBe("kept");

  expect(await run(person(), "--replace", ...use)).toBe(0);
  expect(stored("app")["PROA_GITHUB_APP_SLUG"]).toBe("proa-acme");
  expect(app.hook).toMatchObject({
    url: HOOK,
    content_type: "json",
    secret: stored("webhook")["PROA_WEBHOOK_SECRETS"],
  });
});

test("half an App, as a run that was cut off leaves it, is named with what is missing", async () => {
  secrets.set("proa/app", '{"PROA_GITHUB_APP_ID": "5", "PROA_GITHUB_PRIVATE_KEY": "kept"}');
  const somebody = person();
  expect(await run(somebody, "--apply")).toBe(1);
  expect(somebody.shown()).toContain("PROA_WEBHOOK_SECRETS of the webhook");
});

test("an existing App that lacks something is used, and what it lacks is said", async () => {
  const { keyFile } = existingApp({ events: ["push"], permissions: { metadata: "read", administration: "write" } });
  const somebody = person();
  expect(await run(somebody, "--app-id", "77", "--private-key", keyFile, "--apply")).toBe(0);
  expect(somebody.shown()).toContain("It lacks the permissions contents: read, checks: write");
  expect(somebody.shown()).toContain("It may do more than Proa needs (administration: write)");
});

test("a file that holds no key is named before anybody is asked", async () => {
  const file = join(dir, "not.pem");
  writeFileSync(file, "hello");
  await expect(run(person(), "--app-id", "77", "--private-key", file)).rejects.toThrow(`${file} is no private key`);
  await expect(run(person(), "--app-id", "77", "--private-key", `${file}x`)).rejects.toThrow("cannot be read");
  await expect(run(person(), "--app-id", "77")).rejects.toThrow("both --app-id and --private-key");
  expect(aws.calls).toEqual([]);
});

test("a key of another App is noticed before anything is stored", async () => {
  const { keyFile } = existingApp({ privateKeyPem: appKey() });
  writeFileSync(keyFile, appKey());
  await expect(run(person(), "--app-id", "77", "--private-key", keyFile, "--apply")).rejects.toThrow(
    "GitHub does not take this key for the App 77",
  );
  expect(stored("app")).toEqual({});
});
