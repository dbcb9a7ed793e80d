import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CheckRunBody } from "../../src/core/github.ts";
import { base, checkRun, commit, pull, SHA, sha, shop } from "./github-replies.ts";
import { APP, type GitHubServer, problemOf, startGitHubServer } from "./github-server.ts";

let server: GitHubServer;
beforeEach(async () => {
  server = await startGitHubServer();
});
afterEach(() => server.close());
const github = () => server.app().installation(5);
const REPO = "/repos/acme/shop";
const linkTo = (path: string) => ({ link: `<${server.url}${path}>; rel="next"` });

describe("pull requests", () => {
  test("an open one has no merge commit, whatever GitHub tests it on", async () => {
    server.on(`GET ${REPO}/pulls/7`, { body: pull });
    expect(await github().pullRequest(shop, 7)).toMatchObject({
      state: "open",
      merged: false,
      mergeCommit: null,
      labels: ["preview"],
      head: { sha, repoId: 12 },
      base: { repo: "acme/shop", private: true },
    });
  });

  test("a merged one names its merge commit, in lists as well", async () => {
    const merged = { ...pull, state: "closed", merged_at: "2026-03-01T11:00:00Z" };
    server.on(`GET ${REPO}/commits/${sha}/pulls`, { body: [merged] });
    expect(await github().pullRequestsOf(shop, sha)).toMatchObject([{ merged: true, mergeCommit: SHA.merge }]);
  });

  test("a deleted fork and a deleted author are no reason to fail", async () => {
    server.on(`GET ${REPO}/pulls/7`, { body: { ...pull, user: null, head: { ...pull.head, repo: null } } });
    expect(await github().pullRequest(shop, 7)).toMatchObject({ author: "ghost", head: { repoId: null } });
  });

  test("one that does not exist is null", async () => {
    expect(await github().pullRequest(shop, 8)).toBeNull();
  });

  test("a renamed file changes the folder it left, too", async () => {
    server.on(`GET ${REPO}/pulls/7/files?per_page=100`, {
      body: [{ filename: "b/x.ts", previous_filename: "a/x.ts" }],
      headers: linkTo(`${REPO}/pulls/7/files?page=2`),
    });
    server.on(`GET ${REPO}/pulls/7/files?page=2`, { body: [{ filename: "a/y.ts" }] });
    expect(await github().changedFiles(shop, 7)).toEqual({ files: ["a/x.ts", "a/y.ts", "b/x.ts"], complete: true });
  });
});

describe("checks", () => {
  test("come side by side from runs, statuses and suites, over all pages", async () => {
    const runs = `${REPO}/commits/${sha}/check-runs`;
    server.on(`GET ${runs}?per_page=100&filter=latest`, {
      body: { total_count: 2, check_runs: [checkRun(1, "test")] },
      headers: linkTo(`${runs}?page=2`),
    });
    server.on(`GET ${runs}?page=2`, {
      body: { total_count: 2, check_runs: [{ ...checkRun(2, "lint"), app: null, html_url: null }] },
    });
    server.on(`GET ${REPO}/commits/${sha}/status`, {
      body: {
        state: "pending",
        statuses: [
          { context: "ci", state: "success", description: null, target_url: null, updated_at: "2026-03-01T11:02:00Z" },
          { context: "ci", state: "pending", description: "…", target_url: null, updated_at: "2026-03-01T11:01:00Z" },
        ],
      },
    });
    server.on(`GET ${REPO}/commits/${sha}/check-suites`, {
      body: {
        check_suites: [
          {
            id: 4,
            app: { id: 77 },
            status: null,
            conclusion: null,
            latest_check_runs_count: 0,
            created_at: "2026-03-01T11:00:00Z",
            updated_at: "2026-03-01T11:00:00Z",
          },
        ],
      },
    });
    const checks = await github().checks(shop, sha);
    expect(checks.runs.map(({ name, appId }) => [name, appId])).toEqual([
      ["test", 15_368],
      ["lint", 0],
    ]);
    expect(checks.statuses.map(({ context, state }) => [context, state])).toEqual([["ci", "success"]]);
    expect(checks.suites).toMatchObject([{ appId: 77, status: "queued", runs: 0 }]);
  });
});

describe("branch rules", () => {
  const branch = (required_status_checks: unknown) => ({
    body: { name: "main", commit: commit(SHA.base, SHA.head), protection: { enabled: true, required_status_checks } },
  });
  const none = { enforcement_level: "off", contexts: [], checks: [] };

  test("rulesets and classic protection together, each context once, -1 meaning any app", async () => {
    server.on(`GET ${REPO}/rules/branches/main`, {
      body: [
        { type: "deletion" },
        {
          type: "required_status_checks",
          parameters: { required_status_checks: [{ context: "test", integration_id: 15_368 }, { context: "build" }] },
        },
        { type: "workflows", parameters: { workflows: [{ path: ".github/workflows/ci.yml", repository_id: 1 }] } },
      ],
    });
    server.on(
      `GET ${REPO}/branches/main`,
      branch({
        contexts: ["build", "test", "old"],
        checks: [
          { context: "build", app_id: -1 },
          { context: "test", app_id: null },
        ],
      }),
    );
    expect(await github().branchRules(shop, "main")).toEqual({
      required: [
        { context: "build", appId: null, source: "ruleset" },
        { context: "old", appId: null, source: "protection" },
        { context: "test", appId: null, source: "protection" },
        { context: "test", appId: 15_368, source: "ruleset" },
      ],
      workflows: [".github/workflows/ci.yml"],
    });
  });

  test.each([
    [404, "Not Found"],
    [403, "Upgrade to GitHub Pro or make this repository public to enable this feature."],
  ])("where rulesets do not exist (%i), the branch alone answers", async (status, message) => {
    server.on(`GET ${REPO}/rules/branches/main`, { status, body: { message } });
    server.on(`GET ${REPO}/branches/main`, branch(none));
    expect(await github().branchRules(shop, "main")).toEqual({ required: [], workflows: [] });
  });

  test("no branch is not the same as no rules", async () => {
    expect(await problemOf(github().branchRules(shop, "main"))).toEqual({
      code: "not-found",
      detail: "acme/shop has no branch main",
      retryable: false,
    });
  });

  test("a refused read of rules is never taken for no rules", async () => {
    server.on(`GET ${REPO}/rules/branches/main`, {
      status: 403,
      body: { message: "Resource not accessible by integration" },
    });
    server.on(`GET ${REPO}/branches/main`, branch(none));
    expect(await problemOf(github().branchRules(shop, "main"))).toMatchObject({ code: "forbidden" });
  });
});

describe("commits and files", () => {
  test("a branch's tip carries tree and parents", async () => {
    server.on(`GET ${REPO}/branches/release/1.0`, { body: { name: "release/1.0", commit: commit(SHA.head) } });
    expect(await github().branch(shop, "release/1.0")).toMatchObject({ sha, tree: SHA.tree, parents: [base] });
    expect(await github().branch(shop, "gone")).toBeNull();
  });

  test("a commit is read as the git object it is", async () => {
    const { commit: git, parents } = commit(SHA.head);
    server.on(`GET ${REPO}/git/commits/${sha}`, { body: { sha, parents, ...git } });
    expect(await github().commit(shop, sha)).toEqual({
      sha,
      tree: SHA.tree,
      parents: [base],
      message: "commit aaaaaaa",
      committedAt: Date.parse("2026-03-01T09:00:00Z"),
    });
  });

  test("a comparison joins its pages, oldest commit first", async () => {
    const path = `${REPO}/compare/${base}...${sha}`;
    const about = { status: "ahead", ahead_by: 2, behind_by: 0, total_commits: 2 };
    server.on(`GET ${path}?per_page=100`, {
      body: { ...about, commits: [commit(SHA.merge)], files: [{ filename: "a" }] },
      headers: linkTo(`${path}?page=2`),
    });
    server.on(`GET ${path}?page=2`, { body: { ...about, commits: [commit(SHA.head, SHA.merge)] } });
    const comparison = await github().compare(shop, base, sha);
    expect(comparison).toMatchObject({ status: "ahead", aheadBy: 2, files: ["a"], complete: true });
    expect(comparison?.commits.map((each) => each.sha)).toEqual([SHA.merge, sha]);
  });

  test("a comparison of 300 files says that it may not be complete", async () => {
    const files = Array.from({ length: 300 }, (_, i) => ({ filename: `f${i}` }));
    server.on(`GET ${REPO}/compare/${base}...${sha}`, {
      body: { status: "ahead", ahead_by: 1, behind_by: 0, total_commits: 1, commits: [commit(SHA.head)], files },
    });
    expect(await github().compare(shop, base, sha)).toMatchObject({ complete: false });
    expect(await github().compare(shop, sha, base)).toBeNull();
  });

  const raw = { "content-type": "application/vnd.github.raw+json; charset=utf-8" };
  test("a file comes as text", async () => {
    server.on(`GET ${REPO}/contents/deploy/.proa.yml?ref=main`, { body: "version: 1\n", headers: raw });
    expect(await github().file(shop, "deploy/.proa.yml", "main")).toBe("version: 1\n");
    expect(server.asked(`GET ${REPO}/contents`)[0]?.headers.accept).toBe("application/vnd.github.raw+json");
    expect(await github().file(shop, "none.yml", "main")).toBeNull();
  });

  test.each([
    ["a folder", { body: [{ type: "file", path: ".proa.yml/x" }] }, "a file, not a folder or a submodule"],
    ["a submodule", { body: { type: "submodule" } }, "a file, not a folder or a submodule"],
    ["too large", { body: "x".repeat(1_000_001), headers: raw }, "at most 1 MB"],
    [
      "binary",
      { body: Buffer.from([0xff, 0xfe, 0x00]), headers: { "content-type": "application/vnd.github.raw" } },
      "text in UTF-8",
    ],
  ])("%s is refused by name", async (_, answer, mustBe) => {
    server.on(`GET ${REPO}/contents/.proa.yml`, answer);
    expect(await problemOf(github().file(shop, ".proa.yml", "main"))).toEqual({
      code: "invalid",
      detail: `.proa.yml in acme/shop at main must be ${mustBe}`,
      retryable: false,
    });
  });

  test.each([
    [{ permission: "write", role_name: "maintain" }, "maintain"],
    [{ permission: "read", role_name: "triage" }, "triage"],
    [{ permission: "write", role_name: "release-captain" }, "write"],
    [{ permission: "none", role_name: "none" }, "none"],
  ])("the permission of %o is %s", async (body, expected) => {
    server.on(`GET ${REPO}/collaborators/octocat/permission`, { body });
    expect(await github().permission(shop, "octocat")).toBe(expected);
    expect(await github().permission(shop, "stranger")).toBe("none");
  });
});

describe("statuses, deployments, comments", () => {
  test("a status says what fits into 140 characters", async () => {
    server.on(`POST ${REPO}/statuses/${sha}`, { status: 201 });
    await github().createStatus(shop, sha, {
      context: "proa/preview",
      state: "pending",
      description: "word ".repeat(60),
      targetUrl: null,
    });
    const body = server.asked(`POST ${REPO}/statuses`)[0]?.body as { description: string };
    expect(body).toEqual({
      context: "proa/preview",
      state: "pending",
      description: expect.stringMatching(/ word…$/) as string,
    });
    expect(body.description.length).toBeLessThanOrEqual(140);
  });

  const deployment = {
    sha,
    environment: "preview",
    transient: true,
    production: false,
    task: "deploy",
    description: "preview of #7",
    key: "preview/12/7@3",
  } as const;

  test("a deployment merges nothing, demands no contexts and carries our key", async () => {
    server.on(`POST ${REPO}/deployments`, { status: 201, body: { id: 41 } });
    expect(await github().createDeployment(shop, deployment)).toEqual({ id: 41 });
    expect(server.asked(`POST ${REPO}/deployments`)[0]?.body).toEqual({
      ref: sha,
      task: "deploy",
      auto_merge: false,
      required_contexts: [],
      payload: { proa: "preview/12/7@3" },
      environment: "preview",
      description: "preview of #7",
      transient_environment: true,
      production_environment: false,
    });
  });

  test.each([
    [202, "Auto-merged main into buttons on deployment."],
    [409, "Conflict merging main into buttons."],
  ])("a deployment answered %i is a conflict", async (status, message) => {
    server.on(`POST ${REPO}/deployments`, { status, body: { message } });
    const problem = await problemOf(github().createDeployment(shop, deployment));
    expect(problem).toMatchObject({ code: "conflict" });
    expect(problem.detail).toContain(message);
  });

  test("a deployment is found by the key in its payload, object or text, and only if it is ours", async () => {
    const ours = { performed_via_github_app: { id: APP.appId }, creator: null };
    const foreign = { performed_via_github_app: { id: 1 }, creator: null };
    server.on(`GET ${REPO}/deployments`, {
      body: [
        { id: 1, payload: { proa: "k" }, ...foreign },
        { id: 2, payload: "k", ...ours },
        { id: 3, payload: '{"proa":"k"}', creator: { login: "proa-test[bot]" } },
      ],
    });
    expect(await github().findDeployment(shop, sha, "preview", "k")).toEqual({ id: 3 });
    expect(await github().findDeployment(shop, sha, "preview", "other")).toBeNull();
  });

  test("a deployment's status never ends another's", async () => {
    server.on(`POST ${REPO}/deployments/41/statuses`, { status: 201 });
    await github().createDeploymentStatus(shop, 41, {
      state: "success",
      description: "up",
      environmentUrl: "http://pr-7.example",
      logUrl: null,
    });
    expect(server.asked(`POST ${REPO}/deployments/41/statuses`)[0]?.body).toEqual({
      state: "success",
      description: "up",
      auto_inactive: false,
      environment_url: "http://pr-7.example",
    });
  });

  test("our comment is found by marker and author on a later page; a quoted marker is not ours", async () => {
    const path = `${REPO}/issues/7/comments`;
    server.on(`GET ${path}?per_page=100`, {
      body: [{ id: 1, body: "> <!-- proa -->", user: { login: "octocat" } }],
      headers: linkTo(`${path}?page=2`),
    });
    server.on(`GET ${path}?page=2`, { body: [{ id: 2, body: "<!-- proa --> up", user: { login: "proa-test[bot]" } }] });
    expect(await github().findComment(shop, 7, "<!-- proa -->")).toEqual({ id: 2 });
  });

  test("a deleted comment is missing", async () => {
    server.on(`PATCH ${REPO}/issues/comments/2`, { body: { id: 2 } });
    expect(await github().updateComment(shop, 2, "up")).toBe("updated");
    expect(await github().updateComment(shop, 3, "up")).toBe("missing");
  });

  test("answers a comment with a reaction", async () => {
    server.on(`POST ${REPO}/issues/comments/2/reactions`, { status: 201 });
    await github().react(shop, 2, "eyes");
    expect(server.asked(`POST ${REPO}/issues/comments/2/reactions`)[0]?.body).toEqual({ content: "eyes" });
  });
});

describe("check runs", () => {
  const body: CheckRunBody = {
    name: "proa/preview report",
    externalId: "preview/12/7@3",
    status: "completed",
    conclusion: "failure",
    detailsUrl: null,
    title: "web in shop-7 failed",
    summary: "It crashed.",
    text: "",
    annotations: [],
    actions: [],
  };
  const mistakes = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      path: ".proa.yml",
      line: i + 1,
      message: `mistake ${i}`,
      remedy: "mend it",
    }));
  type Sent = { output: { annotations: unknown[]; text: string }; actions: unknown[] };
  const sent = (route: string) => server.asked(route).map((asked) => (asked.body as Sent).output.annotations.length);

  test("more than fifty annotations follow in further updates", async () => {
    server.on(`POST ${REPO}/check-runs`, { status: 201, body: { id: 9 } });
    server.on(`PATCH ${REPO}/check-runs/9`, { body: { id: 9 } });
    expect(await github().createCheckRun(shop, sha, { ...body, annotations: mistakes(120) })).toEqual({ id: 9 });
    expect([...sent(`POST ${REPO}/check-runs`), ...sent(`PATCH ${REPO}/check-runs/9`)]).toEqual([50, 50, 20]);
  });

  test("an update adds only the annotations that are not there yet", async () => {
    server.on(`GET ${REPO}/check-runs/9/annotations`, {
      body: [{ path: ".proa.yml", start_line: 1, message: "mistake 0\nmend it" }],
    });
    server.on(`PATCH ${REPO}/check-runs/9`, { body: { id: 9 } });
    expect(await github().updateCheckRun(shop, 9, { ...body, annotations: mistakes(2) })).toBe("updated");
    expect(sent(`PATCH ${REPO}/check-runs/9`)).toEqual([1]);
    expect(await github().updateCheckRun(shop, 10, body)).toBe("missing");
  });

  test("what is too long is cut to what GitHub takes", async () => {
    server.on(`POST ${REPO}/check-runs`, { status: 201, body: { id: 9 } });
    const actions = Array.from({ length: 4 }, (_, i) => ({
      identifier: `a${i}`,
      label: "Approve this very commit",
      description: "x".repeat(50),
    }));
    await github().createCheckRun(shop, sha, { ...body, text: "line\n".repeat(20_000), actions });
    const { output, actions: buttons } = (server.asked(`POST ${REPO}/check-runs`).at(0)?.body as Sent | undefined) ?? {
      output: { annotations: [], text: "" },
      actions: [],
    };
    expect(output.text.length).toBeLessThanOrEqual(65_535);
    expect(buttons).toHaveLength(3);
    expect(buttons[0]).toEqual({ identifier: "a0", label: "Approve this very…", description: `${"x".repeat(39)}…` });
  });

  test("is found by name and external id among our own", async () => {
    const run = (id: number, app: number, external_id: string) => ({
      id,
      name: body.name,
      external_id,
      app: { id: app },
    });
    server.on(`GET ${REPO}/commits/${sha}/check-runs`, {
      body: { check_runs: [run(1, 1, "k"), run(2, 77, "other"), run(3, 77, "k")] },
    });
    expect(await github().findCheckRun(shop, sha, body.name, "k")).toEqual({ id: 3 });
  });
});
