import { expect, test } from "vitest";
import type { Target } from "../../src/core/names.ts";
import { startWorld } from "../journeys/harness.ts";
import { configure, environment, live, previewNamespace, recordOf, shopConfig } from "../journeys/races-support.ts";

test("a branch does not become a base by saying so: the default branch names those whose config counts", async (t) => {
  const shop = await startWorld(t);
  await shop.quiet();
  const { repoId } = environment(shop, "staging");
  const evil = { previews: { when: { base: ["evil"] }, cap: 1000 }, gate: { require: [] } };
  await shop.person.push("evil", { ".proa.yml": shopConfig(evil) }, "main");
  const pull = await shop.person.openPullRequest({ branch: "lamp", base: "evil" });
  const target: Target = { kind: "preview", repoId, number: pull.number };
  await shop.until(
    async () => (await shop.world.store.load(target)).state?.because.includes("this one goes into evil"),
    "the pull request into that branch gets no preview",
  );
  await shop.quiet();
  expect(await shop.namespace(previewNamespace(pull.number))).toBeNull();
  expect((await recordOf(shop, target)).rev).toBe(0);

  // Named where it takes a review, it is one.
  await configure(shop, { previews: { when: { base: ["main", "evil"] } } });
  const pushed = await shop.person.push("lamp", "good");
  await live(shop, pushed, "preview");
});
