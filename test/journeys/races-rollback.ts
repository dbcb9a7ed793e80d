import { expect, test } from "vitest";
import type { StartWorld } from "./harness.ts";
import {
  commentSays,
  configure,
  environment,
  gate,
  kubectl,
  live,
  NO_PREVIEWS,
  onCluster,
  recordOf,
  setImage,
  short,
  statusIs,
} from "./races-support.ts";

/** Failing rollouts, and the way back. */
export function rollbackRaces(startWorld: StartWorld): void {
  const MATE = { login: "mate", token: "ghp_mate", permission: "write" } as const;
  const CRASHED = "web: 0 of 1 pods ready after";

  /** Production follows `main` directly, so that what fails fails there first. */
  const PRODUCTION_ALONE = { environments: { staging: null, production: { from: "main", bake: "0s" } } };

  test("race 43: a rollout that fails in production is rolled back, held, and reported once", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, PRODUCTION_ALONE);
    const good = await shop.person.push("main", "good");
    await live(shop, good, "production");
    const bad = await shop.person.push("main", "crashing");
    await statusIs(shop, bad, "proa/production", "failure");
    await shop.pass(5 * 60_000);

    expect(await shop.serving("shop.localhost")).toBe(good);
    const failures = (await shop.statuses(bad, "proa/production")).filter(({ state }) => state === "failure");
    expect(failures).toEqual([
      expect.objectContaining({
        description: expect.stringMatching(new RegExp(`^${CRASHED} .*Rolled back to ${short(good)}, which serves`)),
      }),
    ]);
    const report = await shop.checkRun(bad, "proa/production report");
    expect(report).toMatchObject({
      conclusion: "failure",
      text: expect.stringContaining(
        shop.pods === "run" ? "TypeError: Cannot read properties of undefined" : "Crashing repeatedly",
      ),
    });
    expect(
      (await shop.deployments("production")).slice(0, 3).map(({ sha, task, state }) => ({ sha, task, state })),
    ).toEqual([
      { sha: good, task: "rollback", state: "success" },
      { sha: bad, task: "deploy", state: "failure" },
      { sha: good, task: "deploy", state: "inactive" },
    ]);

    const better = await shop.person.push("main", "good");
    await live(shop, better, "production");
  });

  test("race 43: a rollback that fails as well asks for a person, and goes on asking", async (t) => {
    let frozen = false;
    const shop = await startWorld(t, {
      interfere: onCluster((cluster) => ({
        async patchImage(patch) {
          if (frozen)
            return {
              kind: "refused",
              detail: 'admission webhook "freeze.example" denied the request: images are frozen',
            };
          return cluster.patchImage(patch);
        },
        async workloads(...args) {
          const seen = await cluster.workloads(...args);
          // Frozen as soon as the bad image is in: only the way back is barred.
          frozen ||= seen.deployments.some(({ annotations }) => annotations["proa.dev/commit"] === bad);
          return seen;
        },
      })),
    });
    let bad = "";
    await configure(shop, PRODUCTION_ALONE);
    const good = await shop.person.push("main", "good");
    await live(shop, good, "production");
    bad = await shop.person.push("main", "crashing");
    await statusIs(shop, bad, "proa/production", "failure");
    await shop.pass(40 * 60_000);

    expect(await shop.status(bad, "proa/production")).toMatchObject({
      state: "failure",
      description: expect.stringContaining(`The rollback to ${short(good)} failed as well`),
    });
    const report = await shop.checkRun(bad, "proa/production report");
    expect(report?.summary).toContain("images are frozen");
    expect(report?.summary).toContain("A person has to look now.");
  });

  test("race 44: a commit that staging is just taking back is not promoted, even if it is approved now", async (t) => {
    const back = gate();
    let rollingBack = false;
    const shop = await startWorld(t, {
      people: [MATE],
      interfere: onCluster((cluster) => ({
        async patchImage(patch) {
          if (rollingBack && patch.namespace === shop.namespaces.staging) await back.pass();
          return cluster.patchImage(patch);
        },
      })),
    });
    await configure(shop, {
      ...NO_PREVIEWS,
      environments: { staging: { bake: "0s" }, production: { bake: "0s", approve: { permission: "write" } } },
    });
    const first = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
    const pull = await shop.person.openPullRequest({ branch: "lamp" });
    const merged = await shop.person.merge(pull.number);
    await live(shop, merged, "staging");
    await shop.until(
      async () => (await shop.status(merged, "proa/production"))?.description.includes("waits for an approval"),
      "production asks for an approval",
    );
    rollingBack = true;
    await shop.person.comment(pull.number, "/rollback staging");
    await back.reached;
    await shop.as("mate").comment(pull.number, "/approve production");
    await commentSays(shop, pull.number, "`/approve` by @mate");
    back.open();
    expect(await statusIs(shop, merged, "proa/staging", "failure")).toContain(`${short(merged)} is on hold`);
    await shop.quiet();

    expect(await shop.serving("staging.shop.localhost")).toBe(first);
    expect((await recordOf(shop, environment(shop, "production"))).live?.sha).not.toBe(merged);
    const comment = await shop.comment(pull.number);
    expect(comment).toContain(`**staging**: rolled back to ${short(first)} by @maintainer`);
    expect(comment).toContain("`/approve` by @mate refused");
  });

  test("race 45: an image that somebody sets by hand is reported, and left as it is", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, { environments: { staging: { bake: "1m" } } });
    await shop.until(
      async () => (await recordOf(shop, environment(shop, "staging"))).live,
      "staging has a first release",
    );
    const before = (await shop.live(shop.namespaces.staging))["web"]?.image ?? "";
    const sha = await shop.person.push("main", "good");
    await shop.until(
      async () => (await recordOf(shop, environment(shop, "staging"))).rollout?.step === "baking",
      "staging is watched",
    );
    await setImage(shop, shop.namespaces.staging, "web", before);
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    await shop.pass(10 * 60_000);

    expect(said).toContain("the image was changed by kubectl-set");
    expect((await shop.live(shop.namespaces.staging))["web"]?.image).toBe(before);
    expect(await shop.status(sha, "proa/production")).toBeNull();
  });

  test("race 30: pods that a quota keeps out fail at once, with what was asked for and what there is", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
    const first = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
    await kubectl(shop).core.createNamespacedResourceQuota({
      namespace: shop.namespaces.staging,
      body: { metadata: { name: "pods" }, spec: { hard: { pods: "1" } } },
    });
    const started = shop.world.clock.nowMs();
    const sha = await shop.person.push("main", "good");
    expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain(
      "quota pods is full: requested pods=1, used pods=1 of pods=1",
    );
    expect(shop.world.clock.nowMs() - started).toBeLessThan(2 * 60_000);
    await shop.quiet();

    const report = await shop.checkRun(sha, "proa/staging report");
    expect(report?.text).toContain("exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1");
    expect(await shop.serving("staging.shop.localhost")).toBe(first);
  });
}
