import { RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import { statusIs } from "../journeys/races-support.ts";
import { clientsFor } from "../parity/test-cluster.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";
import { realCluster } from "./real-cluster.ts";

const startWorld = await leastPrivilegedWorlds();
const { config, core } = clientsFor((await realCluster()).kubeconfig);
const rbac = config.makeApiClient(RbacAuthorizationV1Api);

/** By hand, as somebody who tidies up. */
async function unbind(namespace: string) {
  const { items } = await rbac.listNamespacedRoleBinding({ namespace });
  expect(items).toHaveLength(1);
  for (const { metadata } of items) await rbac.deleteNamespacedRoleBinding({ namespace, name: metadata?.name ?? "" });
  return items;
}

// Side by side: a real cluster takes seconds for what nobody needs to watch, such as the end of a namespace.
describe.concurrent("rights that somebody takes away", () => {
  test("a preview whose binding was deleted by hand is updated, and taken down, all the same", async (t) => {
    const shop = await startWorld(t);
    const pull = await shop.person.openPullRequest({ branch: "sextant" });
    await statusIs(shop, pull.sha, "proa/preview", "success");
    const namespace = shop.previewNamespace(pull.number);
    await unbind(namespace);
    await statusIs(shop, await shop.person.push("sextant", "good"), "proa/preview", "success");
    await shop.quiet();
    await unbind(namespace);
    await shop.person.close(pull.number);
    const isGone = () =>
      core.readNamespace({ name: namespace }).then(
        () => false,
        () => true,
      );
    expect(await shop.until(isGone, "the namespace is gone")).toBe(true);
  });

  test("an environment whose owner takes Proa's rights away says so, and goes on when they are given back", async (t) => {
    const shop = await startWorld(t);
    const { staging } = shop.namespaces;
    await shop.until(async () => (await shop.live(staging))["web"], "staging has its first release");
    await shop.quiet();
    const bindings = await unbind(staging);
    const sha = await shop.person.push("main", "good");
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    // Three lists side by side: whichever was refused first is named.
    expect(said).toMatch(/^Proa has no right to list (?:deployments\.apps|replicasets\.apps|pods) in /);
    expect(said).toContain(`in ${staging}: bind the ClusterRole`);
    for (const { metadata, roleRef, subjects = [] } of bindings) {
      const body = { metadata: { name: metadata?.name ?? "" }, roleRef, subjects };
      await rbac.createNamespacedRoleBinding({ namespace: staging, body });
    }
    await statusIs(shop, sha, "proa/staging", "success");
  });
});
