import { describe, expect, test } from "vitest";
import { toMessages } from "../../src/core/event.ts";
import type { RepoName, Sha } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { delivery, json, knock } from "../receive-fixture.ts";
import { type CiHabits, createGitHubModel, type Delivery, type GitHubModel, type Repo, versionText } from "./github.ts";
import { createKernel, type Kernel } from "./kernel.ts";

const APP = 4242;
const IMAGE = "registry.example/acme/shop-web";
const unknown = "0".repeat(40) as Sha;

const promptCi: CiHabits = {
  check: "test",
  registersAfterMs: [1_000, 5_000],
  startsAfterMs: [1_000, 5_000],
  takesMs: [10_000, 60_000],
  buildsMs: [1_000, 90_000],
  imageAfterChecks: 0.5,
  imageNever: 0,
  flaky: 0,
  rebuildsDiffer: 0,
  cancelsOlder: 0,
};

interface Shop {
  readonly kernel: Kernel;
  readonly model: GitHubModel;
  readonly repo: Repo;
  readonly name: RepoName;
  readonly installation: number;
  readonly github: ReturnType<GitHubModel["app"]["installation"]>;
  readonly people: GitHubModel["people"];
  readonly deliveries: Delivery[];
  readonly images: Map<string, string>;
  /** Events since the last call, as `pull_request.opened`. */
  readonly events: () => string[];
  readonly pass: (ms: number) => Promise<void>;
  /** A branch with one commit on top of `main`, and a pull request of it. */
  readonly pull: (branch: string) => { number: number; sha: Sha };
}

function openShop({ ci = null, seed = 1 }: { ci?: CiHabits | null; seed?: number } = {}): Shop {
  const kernel = createKernel({ seed, note: () => undefined });
  const deliveries: Delivery[] = [];
  const images = new Map<string, string>();
  const model = createGitHubModel(kernel.sim("github"), {
    appId: APP,
    deliver: (delivery) => void deliveries.push(delivery),
    pushImage: (image, tag, digest) => void images.set(`${image}:${tag}`, digest),
    ci,
  });
  const installation = model.install("acme");
  const repo = model.createRepository({
    name: "acme/shop",
    installation,
    files: { ".proa.yml": "version: 1\n", "web/index.js": versionText("good", 0) },
    services: [{ image: IMAGE, path: "." }],
    people: { wim: "write", rex: "read" },
    rules: { main: { required: [{ context: "test", appId: null, source: "protection" }], workflows: [] } },
  });
  let told = 0;
  const { people } = model;
  return {
    kernel,
    model,
    repo,
    name: repo.name,
    installation,
    github: model.app.installation(installation),
    people,
    deliveries,
    images,
    events() {
      const fresh = deliveries.slice(told);
      told = deliveries.length;
      return fresh.map(({ event, payload }) =>
        typeof payload["action"] === "string" ? `${event}.${payload["action"]}` : event,
      );
    },
    pass: (ms) => kernel.runUntil(kernel.now() + ms),
    pull(branch) {
      const sha = must(people.push(repo, branch, { [`web/${branch}.js`]: versionText("good", 1) }, "wim"));
      return { number: must(people.open(repo, { head: branch, by: "wim" })), sha };
    },
  };
}

function must<T>(value: T | null): T {
  if (value === null) throw new Error("GitHub refused");
  return value;
}

const codeOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (error instanceof OutsideError) return error.problem.code;
    throw error;
  }
  return "none";
};

describe("a pull request", () => {
  test("follows its branch, by a push and by a force push", () => {
    const { people, repo, github, name, events, pull } = openShop();
    const { number, sha } = pull("topic");
    expect(github.pullRequest(name, number)).toMatchObject({ state: "open", head: { sha, ref: "topic" } });
    const second = must(people.push(repo, "topic", { "web/topic.js": versionText("good", 2) }, "wim"));
    expect(github.pullRequest(name, number)?.head.sha).toBe(second);
    const third = must(people.forcePush(repo, "topic", { "web/topic.js": versionText("good", 3) }, "wim"));
    expect(github.openPullRequests(name).map(({ head }) => head.sha)).toEqual([third]);
    expect(github.compare(name, second, third)?.status).toBe("diverged");
    expect(events().slice(1)).toEqual([
      "push",
      "pull_request.opened",
      "push",
      "pull_request.synchronize",
      "push",
      "pull_request.synchronize",
    ]);
  });

  test.each(["merge", "squash", "rebase"] as const)(
    "that is merged by %s becomes a commit of the base branch",
    (method) => {
      const { people, repo, github, name, pull, events, model } = openShop();
      const { number, sha } = pull("topic");
      people.push(repo, "main", { "README.md": "news" }, "wim");
      people.reportCheck(repo, sha, "test", { status: "completed", conclusion: "success" });
      events();
      const merged = must(people.merge(repo, number, method, "wim"));
      expect(events()).toEqual(["pull_request.closed", "push"]);
      expect(github.pullRequest(name, number)).toMatchObject({ state: "closed", merged: true, mergeCommit: merged });
      expect(github.branch(name, "main")?.sha).toBe(merged);
      expect(github.commit(name, merged)?.parents).toHaveLength(method === "merge" ? 2 : 1);
      expect(model.truth.contains(repo, merged, sha)).toBe(method === "merge");
      expect(github.file(name, "web/topic.js", "main")).toBe(versionText("good", 1));
      expect(github.file(name, "README.md", "main")).toBe("news");
      expect(github.pullRequestsOf(name, merged).map((each) => each.number)).toEqual([number]);
    },
  );

  test("is merged past a required check by an admin only, and never while it conflicts or is a draft", () => {
    const { people, repo, pull } = openShop();
    const { number } = pull("topic");
    expect(people.merge(repo, number, "merge", "wim")).toBeNull();
    people.setDraft(repo, number, true, "wim");
    expect(people.merge(repo, number, "merge", "acme")).toBeNull();
    people.setDraft(repo, number, false, "wim");
    people.push(repo, "main", { "web/topic.js": versionText("good", 9) }, "acme");
    expect(people.merge(repo, number, "merge", "acme")).toBeNull();
    people.push(repo, "main", { "web/topic.js": null }, "acme");
    expect(people.merge(repo, number, "merge", "acme")).not.toBeNull();
  });

  test("takes up its branch as it is when it is reopened, unless the branch was force-pushed or deleted meanwhile", () => {
    const { people, repo, github, name, pull } = openShop();
    const { number } = pull("topic");
    people.close(repo, number, "wim");
    const later = must(people.push(repo, "topic", { "web/topic.js": versionText("good", 2) }, "wim"));
    expect(github.pullRequest(name, number)?.head.sha).not.toBe(later);
    expect(people.reopen(repo, number, "wim")).toBe(true);
    expect(github.pullRequest(name, number)?.head.sha).toBe(later);
    people.close(repo, number, "wim");
    people.forcePush(repo, "topic", { "web/topic.js": versionText("good", 3) }, "wim");
    expect(people.reopen(repo, number, "wim")).toBe(false);
    people.resetBranch(repo, "topic", later, "wim");
    expect(people.reopen(repo, number, "wim")).toBe(true);
    people.deleteBranch(repo, "topic", "wim");
    expect(github.pullRequest(name, number)).toMatchObject({ state: "closed", merged: false });
    expect(people.reopen(repo, number, "wim")).toBe(false);
  });

  test("goes to another base by hand, or because the branch it was stacked on was merged and deleted", () => {
    const { people, repo, github, name, pull, events } = openShop();
    const below = pull("below");
    people.push(repo, "other", { "web/other.js": versionText("good", 1) }, "wim");
    people.resetBranch(repo, "above", below.sha, "wim");
    people.push(repo, "above", { "web/above.js": versionText("good", 1) }, "wim");
    const above = must(people.open(repo, { head: "above", base: "below", by: "wim" }));
    people.merge(repo, below.number, "squash", "acme");
    events();
    people.deleteBranch(repo, "below", "wim");
    expect(events()).toEqual(["push", "pull_request.edited"]);
    expect(github.pullRequest(name, above)).toMatchObject({ state: "open", base: { ref: "main" } });
    expect(people.retarget(repo, above, "other", "wim")).toBe(true);
    people.deleteBranch(repo, "other", "wim");
    expect(github.pullRequest(name, above)?.state).toBe("closed");
  });

  test("of a fork follows the fork's branch, and outlives the fork", () => {
    const { people, model, repo, github, name } = openShop();
    const fork = model.fork(repo, "rex");
    people.push(fork, "topic", { "web/topic.js": versionText("good", 1) }, "rex");
    const number = must(people.open(repo, { head: "topic", from: fork, by: "rex" }));
    const sha = must(people.push(fork, "topic", { "web/topic.js": versionText("good", 2) }, "rex"));
    expect(github.pullRequest(name, number)?.head).toEqual({ sha, ref: "topic", repoId: fork.id });
    people.deleteFork(fork);
    expect(github.pullRequest(name, number)).toMatchObject({ state: "open", head: { sha, repoId: null } });
  });
});

describe("what our App writes", () => {
  test("statuses are appended, and the newest of a context counts; after a thousand there is no more", () => {
    const { github, name, pull, model, repo } = openShop();
    const { sha } = pull("topic");
    const status = { context: "proa/preview", state: "pending", description: "waits", targetUrl: null } as const;
    github.createStatus(name, sha, status);
    github.createStatus(name, sha, { ...status, state: "success" });
    expect(github.checks(name, sha).statuses.map(({ state }) => state)).toEqual(["success"]);
    expect(model.truth.statuses(repo, sha, "proa/preview").map(({ state }) => state)).toEqual(["pending", "success"]);
    for (let n = 2; n < 1000; n++) github.createStatus(name, sha, status);
    expect(codeOf(() => github.createStatus(name, sha, status))).toBe("invalid");
    expect(codeOf(() => github.createStatus(name, unknown, status))).toBe("invalid");
  });

  test("is counted, in any window of time", async () => {
    const { github, name, pull, model, pass } = openShop();
    const { sha } = pull("topic");
    const status = { context: "proa/preview", state: "pending", description: "waits", targetUrl: null } as const;
    for (let n = 0; n < 3; n++) github.createStatus(name, sha, status);
    await pass(59_999);
    for (let n = 0; n < 2; n++) github.createStatus(name, sha, status);
    await pass(1);
    for (let n = 0; n < 2; n++) github.createStatus(name, sha, status);
    expect(model.truth.busiest(60_000).requests).toBe(5);
    expect(model.truth.busiest(3_600_000).requests).toBe(7);
  });

  test("is refused while the installation is suspended, after it is gone, and where it does not cover the repository", () => {
    const { github, name, people, repo, installation, model, pull } = openShop();
    const { number } = pull("topic");
    people.suspend(installation, true, "acme");
    expect(codeOf(() => github.createComment(name, number, "hello"))).toBe("forbidden");
    expect(codeOf(() => github.pullRequest(name, number))).toBe("forbidden");
    people.suspend(installation, false, "acme");
    people.setInstallation(repo, null, "acme");
    expect(github.pullRequest(name, number)).toBeNull();
    expect(codeOf(() => github.createComment(name, number, "hello"))).toBe("not-found");
    expect(model.app.repositoriesOf(installation)).toEqual([]);
    people.uninstall(installation, "acme");
    expect(codeOf(() => github.repository(name))).toBe("forbidden");
    expect(model.app.installations()).toEqual([]);
  });
});

describe("webhooks", () => {
  test("are all understood by the door, under every action there is", () => {
    const { people, repo, pull, github, name, deliveries, installation, model } = openShop();
    const { number, sha } = pull("topic");
    const run = {
      name: "proa/preview report",
      externalId: `preview/${repo.id}/${number}@1`,
      detailsUrl: null,
    } as const;
    github.createCheckRun(name, sha, {
      ...run,
      status: "completed",
      conclusion: "failure",
      title: "Failed",
      summary: "It failed",
      text: "",
      annotations: [],
      actions: [{ label: "Retry", description: "Deploy it again", identifier: "retry" }],
    });
    expect(people.pressButton(repo, sha, run.name, "retry", "wim")).toBe(true);
    people.rerunCheck(repo, sha, run.name, "wim");
    people.rerunAll(repo, sha, "wim");
    people.reportStatus(
      repo,
      sha,
      { context: "lint", state: "success", description: "", targetUrl: null },
      "lint[bot]",
    );
    people.reportCheck(repo, sha, "test", { status: "completed", conclusion: "failure" });
    const comment = must(people.comment(repo, number, "/deploy preview", "wim"));
    people.editComment(repo, comment, "never mind", "wim");
    people.deleteComment(repo, comment, "wim");
    people.label(repo, number, "preview", "wim");
    people.unlabel(repo, number, "preview", "wim");
    people.retitle(repo, number, "Topic", "wim");
    people.setDraft(repo, number, true, "wim");
    people.close(repo, number, "wim");
    people.rename(repo, "acme/store" as RepoName, "acme");
    people.suspend(installation, true, "acme");
    people.suspend(installation, false, "acme");
    people.setInstallation(repo, null, "acme");
    people.setInstallation(repo, installation, "acme");
    people.uninstall(installation, "acme");

    const read = deliveries.map(({ guid, event, payload }) => {
      const action = typeof payload["action"] === "string" ? `.${payload["action"]}` : "";
      const at = model.truth.attempts().length;
      const reading = toMessages({ event, id: guid, payload, ownAppId: APP, receivedAt: at });
      return `${event}${action}: ${reading.kind === "messages" ? reading.messages.map(({ kind }) => kind).join(" ") : reading.kind}`;
    });
    expect([...new Set(read)]).toMatchInlineSnapshot(`
      [
        "push: branch",
        "pull_request.opened: look",
        "check_run.created: ignored",
        "check_run.completed: ignored",
        "check_suite.completed: ignored",
        "check_run.requested_action: command",
        "check_run.rerequested: look",
        "check_suite.rerequested: commit look",
        "status: commit",
        "check_run.created: commit look",
        "check_run.completed: commit look",
        "check_suite.completed: commit look",
        "issue_comment.created: command",
        "issue_comment.edited: ignored",
        "issue_comment.deleted: ignored",
        "pull_request.labeled: look",
        "pull_request.unlabeled: look",
        "pull_request.edited: ignored",
        "pull_request.converted_to_draft: look",
        "pull_request.closed: look",
        "repository.renamed: ignored",
        "installation.suspend: installation",
        "installation.unsuspend: installation",
        "installation_repositories.removed: installation",
        "installation_repositories.added: installation",
        "installation.deleted: installation",
      ]
    `);
  });

  test("pass the door, each with a guid of its own", async () => {
    const { deliveries, pull } = openShop();
    pull("topic");
    for (const { guid, event, payload } of deliveries)
      expect(await knock(delivery(json(payload), { event, headers: { "x-github-delivery": guid } }))).toMatchObject({
        status: 202,
      });
    expect(new Set(deliveries.map(({ guid }) => guid)).size).toBe(deliveries.length);
  });

  test("that failed are listed until an attempt succeeds; a redelivery keeps the guid", () => {
    const { model, pull, deliveries } = openShop();
    for (const { id } of deliveries) model.answered(id, true);
    pull("topic");
    const [, push, opened] = deliveries;
    if (push === undefined || opened === undefined) throw new Error("two deliveries were expected");
    model.answered(push.id, false);
    model.answered(opened.id, false);
    const failed = model.app.failedDeliveries(0);
    expect(failed.map(({ guid }) => guid)).toEqual([opened.guid, push.guid]);
    model.app.redeliver(push.id);
    const again = deliveries.at(-1);
    expect(again).toMatchObject({ guid: push.guid, event: "push" });
    expect(again?.id).not.toBe(push.id);
    model.answered(again?.id ?? "", true);
    expect(model.app.failedDeliveries(0).map(({ guid }) => guid)).toEqual([opened.guid]);
    expect(codeOf(() => model.app.redeliver("999"))).toBe("not-found");
  });
});

describe("the CI inside", () => {
  test("reports each commit and pushes its image, whose behaviour is the version's", async () => {
    const { pull, pass, github, name, images, model, people, repo } = openShop({ ci: promptCi });
    const { sha } = pull("topic");
    const bad = must(people.push(repo, "bad", { "web/bad.js": versionText("crashes", 1) }, "wim"));
    await pass(300_000);
    expect(github.checks(name, sha).runs).toMatchObject([{ name: "test", status: "completed", conclusion: "success" }]);
    expect(model.truth.contextPassed(repo, sha, "test")).toBe(true);
    const digestOf = (commit: Sha) => (images.get(`${IMAGE}:${commit}`) ?? "") as never;
    expect(model.truth.built(digestOf(sha))).toMatchObject({ sha, behaviour: "good" });
    expect(model.truth.built(digestOf(bad))).toMatchObject({ sha: bad, behaviour: "crashes" });
  });

  test("is red where the tests fail, and green again once the version is mended", async () => {
    const { pass, people, repo, model } = openShop({ ci: { ...promptCi, imageAfterChecks: 1 } });
    const red = must(people.push(repo, "topic", { "web/a.js": versionText("good", 1, "fail") }, "wim"));
    const green = must(people.push(repo, "topic", { "web/a.js": versionText("good", 2) }, "wim"));
    await pass(300_000);
    expect(model.truth.contextPassed(repo, red, "test")).toBe(false);
    expect(model.truth.contextPassed(repo, green, "test")).toBe(true);
  });

  test("is green after a second run of what was red without a reason, and then there is an image", async () => {
    const { pass, people, repo, model, images } = openShop({ ci: { ...promptCi, flaky: 1, imageNever: 1 } });
    const sha = must(people.push(repo, "topic", { "web/a.js": versionText("good", 1) }, "wim"));
    await pass(300_000);
    expect(model.truth.contextPassed(repo, sha, "test")).toBe(false);
    expect(images.has(`${IMAGE}:${sha}`)).toBe(false);
    people.rerunCheck(repo, sha, "test", "wim");
    await pass(300_000);
    expect(model.truth.contextPassed(repo, sha, "test")).toBe(true);
    expect(images.has(`${IMAGE}:${sha}`)).toBe(true);
  });

  test("cancels the run of a commit that was pushed over", async () => {
    const { pass, people, repo, github, name } = openShop({
      ci: { ...promptCi, takesMs: [60_000, 60_000], cancelsOlder: 1 },
    });
    const older = must(people.push(repo, "topic", { "web/a.js": versionText("good", 1) }, "wim"));
    await pass(20_000);
    people.push(repo, "topic", { "web/a.js": versionText("good", 2) }, "wim");
    await pass(300_000);
    expect(github.checks(name, older).runs[0]?.conclusion).toBe("cancelled");
  });

  test("does the same on the same seed", async () => {
    const play = async (seed: number) => {
      const { pull, pass, deliveries, images } = openShop({ seed, ci: { ...promptCi, flaky: 0.5, imageNever: 0.5 } });
      for (const branch of ["a", "b", "c"]) pull(branch);
      await pass(600_000);
      return JSON.stringify([deliveries, [...images]]);
    };
    expect(await play(7)).toBe(await play(7));
    expect(await play(7)).not.toBe(await play(8));
  });
});

test("what was answered once is not changed by what happens later", () => {
  const { github, name, pull, people, repo } = openShop();
  const { number, sha } = pull("topic");
  const before = { pull: github.pullRequest(name, number), checks: github.checks(name, sha) };
  const copy = structuredClone(before);
  people.label(repo, number, "preview", "wim");
  people.reportCheck(repo, sha, "test", { status: "in_progress", conclusion: null });
  people.reportCheck(repo, sha, "test", { status: "completed", conclusion: "success" });
  people.close(repo, number, "wim");
  expect(before).toEqual(copy);
});
