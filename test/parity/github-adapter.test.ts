import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Octokit } from "@octokit/rest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorldClock } from "../../local/clock.ts";
import { createLocalGitHub, type Exchange, generateAppKey, type LocalGitHub } from "../../local/github/server.ts";
import { createGitHubApp } from "../../src/adapters/github-app.ts";
import type { GitHub, GitHubApp } from "../../src/adapters/github.ts";
import type { CheckRunBody } from "../../src/core/github.ts";
import { parseRepoName, parseSha, type RepoName, type Sha } from "../../src/core/names.ts";
import { Secret } from "../../src/secret.ts";
import { createOpenApiChecker } from "./openapi-checker.ts";

// Every method of the adapter against the local GitHub; requests and replies alike are compared with GitHub's own description.
const slug = { owner: "acme", repo: "shop" };
const shop = parsed(parseRepoName("acme/shop"));
const exchanges: Exchange[] = [];
const webhooks = { status: 202 };

let dir: string;
let server: Server;
let local: LocalGitHub;
let app: GitHubApp;
let installationId: number;
let writer: Octokit;
let ci: Octokit;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "proa-adapter-"));
  const key = generateAppKey();
  server = createServer((request, response) => {
    if (request.url === "/webhook") response.writeHead(webhooks.status).end();
    else void local.handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  local = await createLocalGitHub({
    dir,
    // Nothing here sets timers: the clock only has to tell the time.
    clock: { nowMs: () => Date.now() } as WorldClock,
    baseUrl: () => base,
    app: {
      id: 77,
      slug: "proa-local",
      privateKeyPem: key,
      webhookUrl: () => `${base}/webhook`,
      webhookSecret: "secret of the adapter's tests",
    },
    ciApp: { id: 78, slug: "local-ci", token: "ghs_ci" },
    users: [{ login: "wim", token: "token-wim", permission: "admin" }],
    record: (exchange) => exchanges.push(exchange),
  });
  const files = { ".proa.yml": "version: 1\n", "web/index.js": "// one\n" };
  ({ installationId } = await local.createRepository({ owner: "acme", name: "shop", files, protect: ["test"] }));
  app = createGitHubApp({
    appId: 77,
    appSlug: "proa-local",
    privateKey: new Secret(key),
    apiUrl: `${base}/api/v3`,
    userAgent: "proa-test",
    clock: { now: () => Date.now() },
  });
  writer = new Octokit({ baseUrl: `${base}/api/v3`, auth: "token-wim" });
  ci = new Octokit({ baseUrl: `${base}/api/v3`, auth: "ghs_ci" });
});

afterAll(async () => {
  await local.close();
  await new Promise((resolve) => server.close(resolve).closeAllConnections());
  await rm(dir, { recursive: true, force: true });
});

const github = (): GitHub => app.installation(installationId);

function parsed<T>(value: T | null): T {
  if (value === null) throw new Error("does not parse");
  return value;
}

async function tip(branch: string): Promise<Sha> {
  return parsed(await github().branch(shop, branch)).sha;
}

/** A pull request that adds a file. */
async function openPull(name: string): Promise<{ number: number; sha: Sha; base: Sha }> {
  const base = await tip("main");
  await writer.git.createRef({ ...slug, ref: `refs/heads/${name}`, sha: base });
  const content = Buffer.from(`// ${name}\n`).toString("base64");
  await writer.repos.createOrUpdateFileContents({
    ...slug,
    path: `web/${name}.js`,
    branch: name,
    message: `Add ${name}`,
    content,
  });
  const { data } = await writer.pulls.create({ ...slug, title: `Bring ${name}`, head: name, base: "main" });
  return { number: data.number, sha: await tip(name), base };
}

describe("reads", () => {
  test("a repository, and null for one that is not there", async () => {
    expect(await github().repository(shop)).toMatchObject({
      name: "acme/shop",
      defaultBranch: "main",
      archived: false,
    });
    expect(await github().repository(parsed(parseRepoName("acme/none")) satisfies RepoName)).toBeNull();
  });

  test("pull requests: one, all open ones, those of a commit, and their files", async () => {
    const { number, sha } = await openPull("reads");
    expect(await github().pullRequest(shop, number)).toMatchObject({
      number,
      state: "open",
      mergeCommit: null,
      author: "wim",
      head: { sha },
    });
    expect((await github().openPullRequests(shop)).map((pull) => pull.number)).toContain(number);
    expect((await github().pullRequestsOf(shop, sha)).map((pull) => pull.number)).toEqual([number]);
    expect(await github().changedFiles(shop, number)).toEqual({ files: ["web/reads.js"], complete: true });
  });

  test("a merged pull request names the commit it became", async () => {
    const { number } = await openPull("merged");
    await ci.checks.create({ ...slug, name: "test", head_sha: await tip("merged"), conclusion: "success" });
    await writer.pulls.merge({ ...slug, pull_number: number });
    expect(await github().pullRequest(shop, number)).toMatchObject({
      state: "closed",
      merged: true,
      mergeCommit: await tip("main"),
    });
  });

  test("commits and how they stand to each other", async () => {
    const { sha, base } = await openPull("compared");
    const commit = await github().commit(shop, sha);
    expect(commit).toMatchObject({ sha, parents: [base], message: "Add compared" });
    expect(await github().compare(shop, base, sha)).toEqual({
      status: "ahead",
      aheadBy: 1,
      behindBy: 0,
      commits: [commit],
      files: ["web/compared.js"],
      complete: true,
    });
    expect(await github().compare(shop, base, base)).toMatchObject({
      status: "identical",
      commits: [],
      complete: true,
    });
    expect(await github().commit(shop, parsed(parseSha("0".repeat(40))))).toBeNull();
  });

  test("a file's text at a ref, and null where there is none", async () => {
    expect(await github().file(shop, ".proa.yml", "main")).toBe("version: 1\n");
    expect(await github().file(shop, "web/index.js", "main")).toBe("// one\n");
    expect(await github().file(shop, "none", "main")).toBeNull();
    await expect(github().file(shop, "web", "main")).rejects.toThrow("web in acme/shop at main must be a file");
  });

  test("checks from runs, statuses and suites", async () => {
    const { sha } = await openPull("checked");
    await ci.checks.create({ ...slug, name: "test", head_sha: sha, status: "in_progress" });
    await github().createStatus(shop, sha, {
      context: "proa/preview",
      state: "pending",
      description: "waiting",
      targetUrl: null,
    });
    await github().createStatus(shop, sha, {
      context: "proa/preview",
      state: "success",
      description: "up",
      targetUrl: "http://x.example",
    });
    expect(await github().checks(shop, sha)).toMatchObject({
      runs: [{ name: "test", appId: 78, status: "in_progress", conclusion: null }],
      statuses: [{ context: "proa/preview", state: "success", url: "http://x.example" }],
      suites: expect.arrayContaining([expect.objectContaining({ appId: 78, runs: 1 })]) as unknown,
    });
  });

  test("rules of a branch from classic protection and rulesets", async () => {
    expect(await github().branchRules(shop, "main")).toMatchObject({
      required: [{ context: "test", source: "protection" }],
    });
    await expect(github().branchRules(shop, "none")).rejects.toThrow("acme/shop has no branch none");
  });

  test("what a person may do", async () => {
    expect(await github().permission(shop, "wim")).toBe("admin");
    expect(await github().permission(shop, "nobody")).toBe("none");
  });
});

describe("writes", () => {
  test("a deployment is found by its key and takes its states", async () => {
    const { sha } = await openPull("deployed");
    const body = {
      sha,
      environment: "preview",
      transient: true,
      production: false,
      task: "deploy",
      description: "preview",
      key: "k1",
    } as const;
    const { id } = await github().createDeployment(shop, body);
    expect(await github().findDeployment(shop, sha, "preview", "k1")).toEqual({ id });
    expect(await github().findDeployment(shop, sha, "preview", "k2")).toBeNull();
    for (const state of ["in_progress", "success", "inactive"] as const) {
      await github().createDeploymentStatus(shop, id, {
        state,
        description: state,
        environmentUrl: "http://pr.example",
        logUrl: null,
      });
    }
    const { data } = await writer.repos.listDeploymentStatuses({ ...slug, deployment_id: id });
    expect(data.map(({ state }) => state)).toEqual(["inactive", "success", "in_progress"]);
  });

  test("a comment is found, changed, answered, and missed when it is gone", async () => {
    const { number } = await openPull("commented");
    await writer.issues.createComment({ ...slug, issue_number: number, body: "I quote <!-- proa -->" });
    const { id } = await github().createComment(shop, number, "<!-- proa --> up");
    expect(await github().findComment(shop, number, "<!-- proa -->")).toEqual({ id });
    expect(await github().updateComment(shop, id, "<!-- proa --> down")).toBe("updated");
    await github().react(shop, id, "eyes");
    expect(await github().updateComment(shop, 999_999, "x")).toBe("missing");
  });

  test("a check run with more annotations than one request takes, updated without repeating them", async () => {
    const { sha } = await openPull("reported");
    const annotations = Array.from({ length: 60 }, (_, i) => ({
      path: ".proa.yml",
      line: i + 1,
      message: `m${i}`,
      remedy: "r",
    }));
    const body: CheckRunBody = {
      name: "proa/preview report",
      externalId: "preview/1/1@1",
      status: "completed",
      conclusion: "action_required",
      detailsUrl: null,
      title: "title",
      summary: "summary",
      text: "text",
      annotations,
      actions: [{ label: "Approve", description: "Deploy it", identifier: "approve" }],
    };
    const { id } = await github().createCheckRun(shop, sha, body);
    expect(await github().findCheckRun(shop, sha, body.name, body.externalId)).toEqual({ id });
    expect(await github().updateCheckRun(shop, id, { ...body, conclusion: "success" })).toBe("updated");
    const { data } = await writer.checks.get({ ...slug, check_run_id: id });
    expect(data).toMatchObject({ conclusion: "success", output: { annotations_count: 60 } });
    expect(await github().updateCheckRun(shop, 999_999, { ...body, annotations: [] })).toBe("missing");
  });
});

describe("the App", () => {
  test("knows its installations and their repositories", async () => {
    expect(await app.installations()).toEqual([{ id: installationId, suspended: false }]);
    expect((await app.repositoriesOf(installationId)).map(({ name }) => name)).toEqual(["acme/shop"]);
  });

  test("finds a delivery that failed, until one attempt succeeds", async () => {
    await local.idle();
    const since = Date.now() - 60_000;
    const before = (await app.failedDeliveries(since)).length;
    webhooks.status = 500;
    await openPull("lost");
    await local.idle();
    webhooks.status = 202;
    const failed = await app.failedDeliveries(since);
    expect(failed.length).toBeGreaterThan(before);
    for (const { id } of failed) await app.redeliver(id);
    await local.idle();
    expect(await app.failedDeliveries(since)).toEqual([]);
  });
});

test("all of it is GitHub as described, and nothing was asked that the local GitHub lacks", () => {
  const check = createOpenApiChecker();
  expect([...new Set(exchanges.flatMap(check))]).toEqual([]);
  expect(local.unknownRoutes).toEqual([]);
});
