import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Delivery } from "../../local/github/server.ts";
import { type GitHubWorld, startGitHubWorld } from "./github-world.ts";
import { createOpenApiChecker } from "./openapi-checker.ts";
import { createWebhookChecker } from "./webhook-checker.ts";

const shop = { owner: "acme", repo: "shop" };
const HOUR_MS = 60 * 60 * 1000;
const worlds: GitHubWorld[] = [];
const started = async (...options: Parameters<typeof startGitHubWorld>): Promise<GitHubWorld> => {
  const world = await startGitHubWorld(...options);
  worlds.push(world);
  return world;
};
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});

async function tag(world: GitHubWorld, name: string): Promise<void> {
  const { data } = await world.writer.git.getRef({ ...shop, ref: "heads/main" });
  await world.writer.git.createRef({ ...shop, ref: `refs/tags/${name}`, sha: data.object.sha });
}

test("a lost delivery is found in the App's list, sent again with its guid, and never by itself", async () => {
  let losing = false;
  const world = await started({ deliver: (_delivery, send) => (losing ? Promise.resolve({ status: 502 }) : send()) });
  await world.events();
  losing = true;
  await tag(world, "v1");
  expect(await world.events()).toEqual([]);
  losing = false;
  const { data: failed } = await world.jwt.apps.listWebhookDeliveries({ per_page: 100, status: "failure" });
  expect(failed.map(({ event, status_code }) => [event, status_code])).toEqual([
    ["push", 502],
    ["create", 502],
  ]);
  for (const { id } of failed.toReversed()) await world.jwt.apps.redeliverWebhookDelivery({ delivery_id: id });
  expect(await world.events()).toEqual(["create", "push"]);
  const { data: all } = await world.jwt.apps.listWebhookDeliveries({ per_page: 100 });
  expect(
    all.filter(({ guid }) => guid === failed[0]?.guid).map(({ redelivery, status }) => [redelivery, status]),
  ).toEqual([
    [true, "OK"],
    [false, "Invalid HTTP Response: 502"],
  ]);
  const { data: one } = await world.jwt.apps.getWebhookDelivery({ delivery_id: failed[0]?.id ?? 0 });
  expect(one.request.headers).toMatchObject({ "x-github-delivery": failed[0]?.guid });
  const paged = await world.jwt.paginate(world.jwt.apps.listWebhookDeliveries, { per_page: 1 });
  expect(paged.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  const check = createOpenApiChecker();
  expect(world.exchanges.flatMap((exchange) => check(exchange))).toEqual([]);
});

test("deliveries can be repeated and reordered on their way", async () => {
  const held: { delivery: Delivery; send: () => Promise<unknown> }[] = [];
  const world = await started({
    deliver(delivery, send) {
      held.push({ delivery, send });
      return Promise.resolve({ status: 200 });
    },
  });
  await world.github.idle();
  held.length = 0;
  await tag(world, "v2");
  await world.github.idle();
  for (const { send } of held.toReversed()) await send();
  await held[0]?.send();
  expect(world.received.map(({ event }) => event)).toEqual(["push", "create", "create"]);
});

test("a receiver that is gone costs the delivery and holds nothing up", async () => {
  const world = await started({ deliver: () => Promise.reject(new Error("connection refused")) });
  await tag(world, "v3");
  await world.github.idle();
  const { data } = await world.jwt.apps.listWebhookDeliveries();
  expect(new Set(data.map(({ status_code }) => status_code))).toEqual(new Set([502]));
});

test("a suspended installation gets no token and no webhook but the one that says so", async () => {
  const world = await started();
  const { data: installed } = await world.jwt.apps.getRepoInstallation(shop);
  await world.installation.repos.get(shop);
  await world.events();
  await world.jwt.apps.suspendInstallation({ installation_id: installed.id });
  await tag(world, "v4");
  await expect(world.installation.repos.get(shop)).rejects.toMatchObject({ status: 403 });
  await world.jwt.apps.unsuspendInstallation({ installation_id: installed.id });
  expect(await world.events()).toEqual(["installation.suspend", "installation.unsuspend"]);
  const check = createWebhookChecker();
  expect(world.received.flatMap(({ event, payload }) => check(event, payload))).toEqual([]);
});

test("a token lasts an hour of the world's clock, and Octokit follows that clock by itself", async () => {
  const world = await started();
  const { data: installed } = await world.jwt.apps.getRepoInstallation(shop);
  const { data: token } = await world.jwt.apps.createInstallationAccessToken({ installation_id: installed.id });
  expect(Date.parse(token.expires_at) - world.now()).toBeGreaterThan(HOUR_MS - 60_000);
  const read = (): Promise<unknown> =>
    world.anonymous.repos.get({ ...shop, headers: { authorization: `token ${token.token}` } });
  await read();
  world.stepClock(HOUR_MS + 1000);
  await expect(read()).rejects.toMatchObject({ status: 401 });
  expect((await world.jwt.apps.getAuthenticated()).status).toBe(200);
});

test("repositories, pull requests, statuses and ids outlive a restart", async () => {
  const dir = await mkdtemp(join(tmpdir(), "proa-github-"));
  const before = await startGitHubWorld({ dir });
  const content = Buffer.from("x").toString("base64");
  const { data: main } = await before.writer.git.getRef({ ...shop, ref: "heads/main" });
  await before.writer.git.createRef({ ...shop, ref: "refs/heads/kept", sha: main.object.sha });
  await before.writer.repos.createOrUpdateFileContents({
    ...shop,
    path: "kept.txt",
    branch: "kept",
    message: "Keep",
    content,
  });
  const { data: pull } = await before.writer.pulls.create({ ...shop, title: "Kept", head: "kept", base: "main" });
  await before.installation.repos.createCommitStatus({
    ...shop,
    sha: pull.head.sha,
    context: "proa/preview",
    state: "success",
  });
  await before.stop();

  const after = await started({ dir });
  expect(after.repoId).toBe(before.repoId);
  expect((await after.reader.pulls.get({ ...shop, pull_number: pull.number })).data).toMatchObject({
    id: pull.id,
    head: { sha: pull.head.sha },
    mergeable: true,
  });
  expect((await after.reader.repos.getCombinedStatusForRef({ ...shop, ref: "kept" })).data.state).toBe("success");
  expect(await after.events()).toEqual([]);
  await after.stop();
  worlds.splice(0);
  await rm(dir, { recursive: true });
});
