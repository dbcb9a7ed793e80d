import { expect, test } from "vitest";
import type { KubeObject } from "../../src/core/manifests.ts";
import { type Journey, type StartWorld } from "./harness.ts";
import { Killed, onCluster, statusIs } from "./races-support.ts";

/** Proa stops and starts again, or dies in the middle: it goes on where it was. */
export function restarts(startWorld: StartWorld): void {
  const HOST = "pr-1.shop.localhost";

  test("a rollout that a restart interrupts is watched to its end", async (t) => {
    const shop = await startWorld(t);
    const { sha } = await shop.person.openPullRequest({ branch: "bell" });
    const rolls = async () => (await shop.status(sha, "proa/preview"))?.description.startsWith("Rolling out");
    await shop.until(rolls, "the rollout has begun", { stepMs: 0 });
    await shop.restart();
    await statusIs(shop, sha, "proa/preview", "success");
    await shop.quiet();
    expect(await running(shop)).toBe(sha);
    expect((await shop.deployments("preview")).map(({ state }) => state)).toEqual(["success"]);
  });

  test("what is waited for is still waited for after a restart", async (t) => {
    const shop = await startWorld(t, { ci: "manual" });
    const { owner, name: repo } = shop;
    const { sha } = await shop.person.openPullRequest({ branch: "bell" });
    const commit = { owner, repo, sha };
    await statusIs(shop, sha, "proa/preview", "pending");
    await shop.restart();
    await shop.ci.report(commit, "success");
    await shop.until(
      async () => (await shop.status(sha, "proa/preview"))?.description.includes("waiting for image"),
      "the image is waited for",
    );
    await shop.restart();
    await shop.ci.build(commit);
    await statusIs(shop, sha, "proa/preview", "success");
    expect(await running(shop)).toBe(sha);
  });

  test("what happened while Proa was down is caught up with", async (t) => {
    let down = false;
    const shop = await startWorld(t, { deliver: async (_delivery, send) => (down ? { status: 502 } : send()) });
    const { sha } = await shop.person.openPullRequest({ branch: "bell" });
    await statusIs(shop, sha, "proa/preview", "success");
    down = true;
    const newer = await shop.person.push("bell", "good");
    const other = await shop.person.openPullRequest({ branch: "compass" });
    await shop.quiet();
    expect(await shop.status(newer, "proa/preview")).toBeNull();
    down = false;
    await shop.restart();
    await statusIs(shop, newer, "proa/preview", "success");
    await statusIs(shop, other.sha, "proa/preview", "success");
  });

  test("a removal that a restart interrupts goes on until the namespace is gone", async (t) => {
    const shop = await startWorld(t);
    const { sha, number } = await shop.person.openPullRequest({ branch: "bell" });
    await statusIs(shop, sha, "proa/preview", "success");
    await shop.person.close(number);
    const terminating = async () =>
      (await shop.namespace(shop.previewNamespace(number)))?.status?.phase === "Terminating";
    await shop.until(terminating, "the namespace is being deleted", { stepMs: 0 });
    await shop.restart();
    await shop.until(
      async () => (await shop.namespace(shop.previewNamespace(number))) === null,
      "the namespace is gone",
    );
    await shop.quiet();
    expect((await shop.deployments("preview")).map(({ state }) => state)).toEqual(["inactive"]);
    expect(await shop.comment(number)).toContain("Preview removed");
  });

  const isNamespace = ({ kind }: KubeObject) => kind === "Namespace";
  const isDeployment = ({ kind }: KubeObject) => kind === "Deployment";

  test.for([
    { what: "before the namespace is made", dies: isNamespace, when: "before" },
    { what: "after the namespace is made and before its uid is recorded", dies: isNamespace, when: "after" },
    { what: "between the claim of a revision and its Deployment", dies: isDeployment, when: "before" },
    { what: "after the Deployment is written and before that is recorded", dies: isDeployment, when: "after" },
  ])("a process that dies $what is followed by one that goes on there", async ({ dies, when }, t) => {
    let deaths = 0;
    const interfere = onCluster((cluster) => ({
      async create(object) {
        const last = deaths === 0 && dies(object) && !isEnvironments(object);
        if (last && when === "before") throw new Killed(`${++deaths}`);
        const created = await cluster.create(object);
        if (last) throw new Killed(`${++deaths}`);
        return created;
      },
    }));
    // The dying is what is in the log.
    const shop = await startWorld(t, { interfere, tolerate: ["error lines"] });
    await shop.quiet();
    const { sha, number } = await shop.person.openPullRequest({ branch: "bell" });
    await statusIs(shop, sha, "proa/preview", "success");
    expect(deaths).toBe(1);
    expect(await running(shop)).toBe(sha);
    expect((await shop.live(shop.previewNamespace(number)))["web"]?.annotations["proa.dev/revision"]).toBe("1");
    await shop.person.close(number);
    await shop.until(
      async () => (await shop.namespace(shop.previewNamespace(number))) === null,
      "the namespace is gone",
    );
  });

  /** What the world's start puts into the environments is not what dies here. */
  const isEnvironments = ({ kind, metadata }: KubeObject): boolean =>
    kind === "Namespace" ? metadata.name.startsWith("shop") : metadata.namespace?.startsWith("shop") === true;

  const running = (shop: Journey): Promise<string | null> => shop.serving(HOST);
}
