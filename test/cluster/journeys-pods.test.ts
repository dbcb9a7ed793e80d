import { describe, expect, test } from "vitest";
import type { Effects } from "../../src/effects.ts";
import type { Journey } from "../journeys/harness.ts";
import { PLAYS_FILE } from "../journeys/instant-ci.ts";
import { configure, kubectl, live, NO_PREVIEWS, short, STAGING_ALONE, statusIs } from "../journeys/races-support.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";

const startWorld = await leastPrivilegedWorlds();

/** What staging ran before anything went wrong. */
async function before(shop: Journey): Promise<string> {
  const sha = (await shop.live(shop.namespaces.staging))["web"]?.annotations["proa.dev/commit"];
  if (sha === undefined) throw new Error("staging has no release yet");
  return sha;
}

/** A deadline that every look of a test can afford. */
const BRIEF = { ...NO_PREVIEWS, environments: { staging: { bake: "0s", deadline: "1m" }, production: null } } as const;

const report = (shop: Journey, sha: string) =>
  shop.until(() => shop.checkRun(sha, "proa/staging report"), `the report on ${short(sha)} is there`);

describe.concurrent("pods that do not come up", () => {
  test("an image that nodes cannot pull, and that the registry does not have any more, ends the rollout at once", async (t) => {
    // Found by its tag, gone by its digest: as after a lifecycle rule, or somebody's cleaning up.
    const interfere = (fx: Effects): Effects => ({
      ...fx,
      registries: {
        ...fx.registries,
        resolve: async (image, reference) =>
          reference.startsWith("sha256:") ? null : fx.registries.resolve(image, reference),
      },
    });
    const shop = await startWorld(t, { interfere });
    await configure(shop, STAGING_ALONE);
    const good = await before(shop);
    const sha = await shop.person.push("main", { [PLAYS_FILE]: "unpullable\n" });
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toMatch(/^web: 0 of 1 pods ready after \d+ s: (ImagePullBackOff|ErrImagePull) on /);
    expect(said).toContain(`Rolled back to ${short(good)}`);
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a version that is never ready fails at its deadline, with what its probe wants", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, BRIEF);
    const good = await before(shop);
    const sha = await shop.person.push("main", "never-ready");
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toMatch(/^web: 0 of 1 pods ready after (60 s|1 min): /);
    expect((await report(shop, sha)).text).toContain("must respond with a good status code at '/healthz' on port 8080");
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a pod that no node has room for is waited for until the deadline, and the scheduler is quoted", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, BRIEF);
    const good = await before(shop);
    const sha = await configure(shop, { ...BRIEF, services: { web: { resources: { cpu: "9000" } } } });
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toContain("no node can run the pod: not enough cpu");
    expect((await report(shop, sha)).text).toMatch(/0\/\d+ nodes are available/);
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });

  test("a pod that is evicted while it is watched is no fault of the commit", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, { ...NO_PREVIEWS, environments: { staging: { bake: "1m" }, production: null } });
    const sha = await shop.person.push("main", { [PLAYS_FILE]: "evicted\n" });
    await shop.until(async () => {
      const { items } = await kubectl(shop).core.listNamespacedPod({ namespace: shop.namespaces.staging });
      return items.some(({ status }) => status?.reason === "Evicted");
    }, "a pod of it is evicted");
    const recovered = await shop.person.push("main", { [PLAYS_FILE]: null });
    await live(shop, recovered, "staging");
    await shop.quiet();
    expect((await shop.statuses(sha, "proa/staging")).map(({ state }) => state)).not.toContain("failure");
    expect(await shop.serving("staging.shop.localhost")).toBe(recovered);
  });
});
