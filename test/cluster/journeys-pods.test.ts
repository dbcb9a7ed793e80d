import { describe, expect, test } from "vitest";
import type { Journey } from "../journeys/harness.ts";
import { PLAYS_FILE } from "../journeys/instant-ci.ts";
import { configure, live, NO_PREVIEWS, short, STAGING_ALONE, statusIs } from "../journeys/races-support.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";
import { cannotSteerPods, realCluster } from "./real-cluster.ts";

const cluster = await realCluster();
const startWorld = await leastPrivilegedWorlds();
const cannot = cannotSteerPods(cluster);

/** What staging ran before anything went wrong. */
async function before(shop: Journey): Promise<string> {
  const sha = (await shop.live(shop.namespaces.staging))["web"]?.annotations["proa.dev/commit"];
  if (sha === undefined) throw new Error("staging has no release yet");
  return sha;
}

const report = (shop: Journey, sha: string) =>
  shop.until(() => shop.checkRun(sha, "proa/staging report"), `the report on ${short(sha)} is there`);

describe.concurrent("pods that do not come up", () => {
  test("an image that cannot be pulled is waited for, and then the former version is put back", async (t) => {
    if (cannot !== null) return t.skip(cannot);
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const good = await before(shop);
    const started = shop.world.clock.nowMs();
    const sha = await shop.person.push("main", { [PLAYS_FILE]: "unpullable\n" });
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toMatch(/^web: 0 of 1 pods ready after 5 min: ImagePullBackOff on /);
    expect(said).toContain(`Rolled back to ${short(good)}`);
    // A registry's hiccup heals itself within minutes, so a pull that fails is no proof before.
    expect(shop.world.clock.nowMs() - started).toBeGreaterThan(5 * 60_000);
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a version that is never ready fails at its deadline, with what its probe wants", async (t) => {
    if (cannot !== null) return t.skip(cannot);
    const shop = await startWorld(t);
    await configure(shop, {
      ...NO_PREVIEWS,
      environments: { staging: { bake: "0s", deadline: "3m" }, production: null },
    });
    const good = await before(shop);
    const sha = await shop.person.push("main", "never-ready");
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toMatch(/^web: 0 of 1 pods ready after 3 min: /);
    expect((await report(shop, sha)).text).toContain("must respond with a good status code at '/healthz' on port 8080");
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a pod that no node has room for is waited for while nodes may come, and told as the scheduler says it", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const good = await before(shop);
    const sha = await configure(shop, { ...STAGING_ALONE, services: { web: { resources: { cpu: "9000" } } } });
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toContain("no node can run the pod: not enough cpu");
    expect((await report(shop, sha)).text).toMatch(/0\/\d+ nodes are available/);
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a pod that is evicted while it is watched is no fault of the commit", async (t) => {
    if (cannot !== null) return t.skip(cannot);
    const shop = await startWorld(t);
    await configure(shop, { ...NO_PREVIEWS, environments: { staging: { bake: "1m" }, production: null } });
    const sha = await shop.person.push("main", { [PLAYS_FILE]: "evicted\n" });
    await shop.until(
      async () => (await shop.live(shop.namespaces.staging))["web"]?.annotations["proa.dev/commit"] === sha,
      "the version is deployed",
    );
    const recovered = await shop.person.push("main", { [PLAYS_FILE]: null });
    await live(shop, recovered, "staging");
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(recovered);
  });
});
