import { expect, test } from "vitest";
import { startWorld } from "./harness.ts";
import { configure, live, setImage, onCluster, short, statusIs } from "./races-support.ts";

test("race 43: a rollout that fails in production is rolled back, held, and reported once", async (t) => {
  const shop = await startWorld(t);
  // Staging bakes no time here, and the crash only comes in production's namespace: what is tested is production.
  await configure(shop, { environments: { staging: null, production: { from: "main" } } });
  const good = await shop.person.push("main", "good");
  await live(shop, good, "production");
  const bad = await shop.person.push("main", "crashing");
  await statusIs(shop, bad, "proa/production", "failure");
  await shop.pass(5 * 60_000);

  console.log(await shop.statuses(bad, "proa/production"), await shop.checkRun(bad, "proa/production report"), await shop.deployments("production"));
});

test("race 43: a rollback that fails as well asks for a person, and goes on asking", async (t) => {
  let broken = false;
  const shop = await startWorld(t, {
    interfere: onCluster((cluster) => ({
      async patchImage(patch) {
        return broken && patch.annotations["proa.dev/revision"] === "4" ? { kind: "refused", detail: "admission webhook \"policy.example\" denied the request: images are frozen" } : cluster.patchImage(patch);
      },
    })),
  });
  await configure(shop, { environments: { staging: null, production: { from: "main" } } });
  const good = await shop.person.push("main", "good");
  await live(shop, good, "production");
  broken = true;
  const bad = await shop.person.push("main", "crashing");
  await statusIs(shop, bad, "proa/production", "failure");
  await shop.pass(5 * 60_000);
  console.log(await shop.statuses(bad, "proa/production"), await shop.checkRun(bad, "proa/production report"), await shop.deployments("production"));
});

test("race 44", async (t) => {
  const shop = await startWorld(t);
  await shop.quiet();
  const one = await shop.person.push("main", "good");
  await live(shop, one, "production");
  const pull = await shop.person.openPullRequest({ branch: "lamp" });
  const two = await shop.person.merge(pull.number);
  await live(shop, two, "production");
  await shop.person.comment(1, "/rollback staging");
  await shop.pass(3 * 60_000);
  for (const e of ["staging", "production"]) console.log(await shop.statuses(two, `proa/${e}`), await shop.deployments(e));
  console.log(await shop.comment(1), (await shop.live("shop-staging"))["web"], (await shop.live("shop"))["web"]);
});

test("race 45", async (t) => {
  const shop = await startWorld(t);
  await configure(shop, { environments: { staging: { bake: "1m" } } });
  const one = await shop.person.push("main", "good");
  await statusIs(shop, one, "proa/staging", "pending");
  await shop.until(async () => (await shop.log.some(l => l.includes("watching for"))), "baking");
  const { web } = await shop.live("shop");
  await setImage(shop, "shop-staging", "web", web?.image ?? "");
  await shop.pass(3 * 60_000);
  for (const e of ["staging", "production"]) console.log(await shop.statuses(one, `proa/${e}`), await shop.deployments(e));
  console.log((await shop.live("shop-staging"))["web"], (await shop.live("shop"))["web"]);
});
