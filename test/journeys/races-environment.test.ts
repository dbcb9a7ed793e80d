import { expect, test } from "vitest";
import { startWorld } from "./harness.ts";
import { commentSays, configure, environment, Killed, live, onCluster, recordOf, short, statusIs } from "./races-support.ts";

const MATE = { login: "mate", token: "ghp_mate", permission: "write" } as const;

test("race 18: of two pull requests merged seconds apart the tip is deployed, and both are told so", async (t) => {
  const shop = await startWorld(t);
  const { person } = shop;
  await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
  const pulls = [await person.openPullRequest({ branch: "lamp" }), await person.openPullRequest({ branch: "oar", version: { "oar.txt": "an oar\n" } })];
  const first = await person.merge(1);
  const tip = await person.merge(2);
  await live(shop, tip, "staging");
  await shop.quiet();

  expect(pulls).toHaveLength(2);
  expect(await live(shop, first, "staging")).toMatch(/^(Deployed as part of|Live)/);
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(tip);
  expect((await shop.deployments("staging")).filter(({ state }) => state === "success")).toMatchObject([{ sha: tip }]);
});

test("race 20: a force push that drops the deployed commit is followed only when somebody says so", async (t) => {
  const shop = await startWorld(t, { people: [MATE] });
  await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
  const base = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
  await shop.person.push("safe", "good", "main");
  const dropped = await shop.person.push("main", "good");
  await live(shop, dropped, "staging");
  const forced = await shop.person.forcePush("main", "good", "safe");
  expect(await statusIs(shop, forced, "proa/staging", "pending")).toBeTruthy();
  await shop.until(async () => (await shop.status(forced, "proa/staging"))?.description.includes("/deploy staging"), "the way on is told");
  await shop.quiet();
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(dropped);
  expect((await shop.status(forced, "proa/staging"))?.description).toContain(`${short(forced)} does not contain ${short(dropped)}`);

  const pull = await shop.person.openPullRequest({ branch: "talk", version: { "talk.txt": base } });
  await shop.as("mate").comment(pull.number, "/deploy staging");
  await live(shop, forced, "staging");
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(forced);
});

test("race 42: an approval is for the release it was given for, and a newer one needs its own", async (t) => {
  const shop = await startWorld(t, { people: [MATE] });
  await configure(shop, { environments: { staging: { bake: "0s" }, production: { bake: "0s", approve: { permission: "write" } } } });
  const mate = shop.as("mate");
  const { number } = await shop.person.openPullRequest({ branch: "lamp" });
  const first = await shop.person.merge(number);
  await shop.until(async () => (await shop.status(first, "proa/production"))?.description.includes("waits for an approval"), "an approval is asked for");
  await shop.quiet();
  const asked = await shop.checkRun(first, "proa/production report");
  expect(asked).toMatchObject({ conclusion: "action_required" });

  const second = await shop.person.push("main", "good");
  await shop.until(async () => (await shop.status(second, "proa/production"))?.description.includes("waits for an approval"), "the newer one asks for its own");
  await shop.quiet();
  await mate.pressButton(first, "proa/production report", "approve");
  await shop.quiet();
  expect((await recordOf(shop, environment(shop, "production"))).answers.at(-1)).toMatchObject({ accepted: false, answer: expect.stringContaining(`${short(second)} needs its own`) });
  expect(await shop.status(second, "proa/production")).toMatchObject({ state: "pending" });

  await shop.person.pressButton(second, "proa/production report", "approve");
  await shop.quiet();
  const answers = (await recordOf(shop, environment(shop, "production"))).answers;
  expect(answers.at(-1)?.accepted, JSON.stringify(answers)).toBe(false);
  await mate.pressButton(second, "proa/production report", "approve");
  await live(shop, second, "production");
  expect((await shop.live("shop"))["web"]?.annotations["proa.dev/digest"]).toBe((await shop.live("shop-staging"))["web"]?.annotations["proa.dev/digest"]);
});

test("race 28: killed with two of three services written, the third follows; failing, all three go back", async (t) => {
  let dying = false;
  const shop = await startWorld(t, {
    tolerate: ["error lines"],
    interfere: onCluster((cluster) => ({
      async patchImage(patch) {
        if (dying && patch.deployment === "worker") {
          dying = false;
          throw new Killed("before the worker was written");
        }
        return cluster.patchImage(patch);
      },
    })),
  });
  const service = { port: 8080, health: "/healthz", command: ["node", "server.js"] };
  await configure(shop, {
    services: { web: service, api: { ...service, expose: false }, worker: { ...service, expose: false } },
    environments: { staging: { bake: "0s" }, production: null },
  });
  const commits = async (): Promise<(string | undefined)[]> =>
    Object.values(await shop.live("shop-staging")).map(({ annotations }) => annotations["proa.dev/commit"]);
  dying = true;
  const good = await shop.person.push("main", "good");
  await live(shop, good, "staging");
  expect(await commits()).toEqual([good, good, good]);
  expect(dying).toBe(false);

  const bad = await shop.person.push("main", "crashing");
  expect(await statusIs(shop, bad, "proa/staging", "failure")).toContain(`Rolled back to ${short(good)}`);
  expect(await commits()).toEqual([good, good, good]);
});

test("`/deploy`, `/rollback`, `/release-hold` and the buttons do what they say, and say what they did", async (t) => {
  const shop = await startWorld(t);
  await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
  const before = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
  const { number } = await shop.person.openPullRequest({ branch: "lamp" });
  const merged = await shop.person.merge(number);
  await live(shop, merged, "staging");
  await shop.quiet();

  await shop.person.pressButton(merged, "proa/staging report", "rollback");
  await statusIs(shop, merged, "proa/staging", "failure");
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(before);

  await shop.person.comment(number, "/release-hold staging");
  await live(shop, merged, "staging");
  expect(await commentSays(shop, number, "`/release-hold` by @maintainer")).toContain(`released ${short(merged)}`);
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(merged);

  await shop.person.comment(number, "/rollback staging");
  await statusIs(shop, merged, "proa/staging", "failure");
  await shop.person.comment(number, "/deploy staging");
  await live(shop, merged, "staging");
  await shop.person.comment(number, "/rollback moon");
  await commentSays(shop, number, "there is no environment `moon`; the environments are staging");
});
