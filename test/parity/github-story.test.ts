import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhooks } from "@octokit/webhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHubWorld, startGitHubWorld, WEBHOOK_SECRET } from "./github-world.ts";
import { createOpenApiChecker } from "./openapi-checker.ts";
import { createWebhookChecker } from "./webhook-checker.ts";

const shop = { owner: "acme", repo: "shop" };
let world: GitHubWorld;
beforeAll(async () => {
  world = await startGitHubWorld();
});
afterAll(() => world.stop());

/** A branch with one changed file, made through the API. */
async function branchWith(name: string, path: string, content: string): Promise<string> {
  const { writer } = world;
  const main = await writer.git.getRef({ ...shop, ref: "heads/main" });
  await writer.git.createRef({ ...shop, ref: `refs/heads/${name}`, sha: main.data.object.sha });
  return commitTo(name, path, content);
}

async function commitTo(branch: string, path: string, content: string): Promise<string> {
  const before = await world.writer.repos.getContent({ ...shop, path, ref: branch }).catch(() => null);
  const sha = before !== null && !Array.isArray(before.data) ? { sha: before.data.sha } : {};
  const written = await world.writer.repos.createOrUpdateFileContents({
    ...shop,
    path,
    branch,
    message: `Change ${path}`,
    content: Buffer.from(content).toString("base64"),
    ...sha,
  });
  return String(written.data.commit.sha);
}

test("a push with the real git opens the way to a pull request, and its next push is a synchronize", async () => {
  const { git, base, dir, writer } = world;
  const work = join(dir, "clone");
  await git(["clone", "--quiet", `${base}/git`, work]);
  await git(["checkout", "--quiet", "-b", "feature/one"], work);
  await writeFile(join(work, "src/app.js"), "console.log('two');\n");
  await git(["commit", "--quiet", "-am", "Two"], work);
  await expect(git(["push", "--quiet", `${base}/git/acme/shop.git`, "feature/one"], work)).rejects.toThrow(
    /could not read Username|Authentication/,
  );
  const remote = `${base.replace("//", "//x-access-token:token-wim@")}/git/acme/shop`;
  await world.events();
  await git(["push", "--quiet", remote, "feature/one"], work);
  const first = await git(["rev-parse", "HEAD"], work);
  expect(await world.events()).toEqual(["create", "push"]);
  expect(world.pushes.at(-1)).toMatchObject({ ref: "refs/heads/feature/one", sha: first });

  const { data: pull } = await writer.pulls.create({ ...shop, title: "Two", head: "feature/one", base: "main" });
  expect(pull).toMatchObject({
    state: "open",
    mergeable: true,
    mergeable_state: "clean",
    commits: 1,
    changed_files: 1,
    head: { sha: first },
  });
  expect(await world.events()).toEqual(["pull_request.opened"]);

  await writeFile(join(work, "src/app.js"), "console.log('three');\n");
  await git(["commit", "--quiet", "-am", "Three"], work);
  await git(["push", "--quiet", remote, "feature/one"], work);
  expect(await world.events()).toEqual(["push", "pull_request.synchronize"]);
  expect(world.received.at(-1)?.payload).toMatchObject({ before: first, number: pull.number });
  expect(await git(["ls-remote", remote, `refs/pull/${pull.number}/head`], work)).toContain(
    await git(["rev-parse", "HEAD"], work),
  );
});

test("a merge makes a real merge commit and sends closed and push", async () => {
  const { writer } = world;
  const head = await branchWith("merge-me", "docs/a.md", "a\n");
  await commitTo("main", "docs/b.md", "b\n");
  const { data: pull } = await writer.pulls.create({ ...shop, title: "Add a", head: "merge-me", base: "main" });
  const trial = pull.merge_commit_sha;
  await world.events();
  const { data: merge } = await writer.pulls.merge({ ...shop, pull_number: pull.number, sha: head });
  expect(await world.events()).toEqual(["pull_request.closed", "push"]);
  const { data: after } = await writer.pulls.get({ ...shop, pull_number: pull.number });
  expect(after).toMatchObject({ state: "closed", merged: true, merge_commit_sha: merge.sha });
  expect(after.merge_commit_sha).not.toBe(trial);
  const { data: commit } = await writer.repos.getCommit({ ...shop, ref: "main" });
  expect(commit).toMatchObject({ sha: merge.sha, parents: [{}, { sha: head }] });
  const { data: pulls } = await writer.repos.listPullRequestsAssociatedWithCommit({ ...shop, commit_sha: merge.sha });
  expect(pulls.map(({ number }) => number)).toEqual([pull.number]);
});

test("a plain push of the branch into main merges its pull request; deleting a branch closes another's", async () => {
  const { git, base, dir, writer } = world;
  await branchWith("by-hand", "docs/hand.md", "hand\n");
  await branchWith("dropped", "docs/dropped.md", "dropped\n");
  const open = async (head: string): Promise<number> =>
    (await writer.pulls.create({ ...shop, title: head, head, base: "main" })).data.number;
  const merged = await open("by-hand");
  const closed = await open("dropped");
  await world.events();
  const work = join(dir, "by-hand");
  const remote = `${base.replace("//", "//x-access-token:token-wim@")}/git/acme/shop`;
  await git(["clone", "--quiet", remote, work]);
  await git(["merge", "--quiet", "--no-ff", "-m", "By hand", "origin/by-hand"], work);
  await git(["push", "--quiet", "origin", "main", ":dropped"], work);
  const events = await world.events();
  expect(events.toSorted()).toEqual(["delete", "pull_request.closed", "pull_request.closed", "push", "push"]);
  const state = async (number: number): Promise<unknown> => {
    const { data } = await writer.pulls.get({ ...shop, pull_number: number });
    return [data.state, data.merged];
  };
  expect([await state(merged), await state(closed)]).toEqual([
    ["closed", true],
    ["closed", false],
  ]);
});

test("a push is refused without the right to it, and for refs that are GitHub's own", async () => {
  const { git, base, dir } = world;
  const work = join(dir, "refused");
  await git(["clone", "--quiet", `${base}/git`, work]);
  const as = (token: string): string => `${base.replace("//", `//x:${token}@`)}/git/acme/shop`;
  await expect(git(["push", as("token-rex"), "HEAD:refs/heads/mine"], work)).rejects.toThrow(/403/);
  await expect(git(["push", as("token-wim"), "HEAD:refs/pull/1/head"], work)).rejects.toThrow(/hidden ref/);
  await world.github.createRepository({ owner: "acme", name: "secret", private: true, files: { a: "a" } });
  await expect(git(["clone", `${base}/git/acme/secret`, `${work}-secret`])).rejects.toThrow(/could not read Username/);
});

test("pull requests opened at the same moment get numbers of their own", async () => {
  const names = ["p", "q", "r", "s"];
  for (const name of names) await branchWith(name, `${name}.txt`, name);
  const opened = await Promise.all(
    names.map((head) => world.writer.pulls.create({ ...shop, title: head, head, base: "main" })),
  );
  const numbers = opened.map(({ data }) => data.number).toSorted((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
});

test("every webhook was signed, named once and as the schemas say", async () => {
  await world.github.idle();
  const webhooks = new Webhooks({ secret: WEBHOOK_SECRET });
  const check = createWebhookChecker();
  for (const { headers, body } of world.received)
    expect(await webhooks.verify(body, String(headers["x-hub-signature-256"]))).toBe(true);
  expect(new Set(world.received.map(({ headers }) => headers["x-github-delivery"])).size).toBe(world.received.length);
  expect(world.received.flatMap(({ event, payload }) => check(event, payload))).toEqual([]);
});

test("every exchange is what GitHub's description says", () => {
  const check = createOpenApiChecker();
  expect(world.exchanges.flatMap((exchange) => check(exchange))).toEqual([]);
  expect(world.github.unknownRoutes).toEqual([]);
});
