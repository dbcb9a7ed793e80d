import { expect, test } from "vitest";
import type { StartWorld } from "./harness.ts";
import { commentSays, configure, holdBack, isEvent, live, short } from "./races-support.ts";

/** What can overtake what in the life of a pull request. */
export function previewRaces(startWorld: StartWorld): void {
  test("race 1: a pull request closed while its preview rolls out ends without a preview", async (t) => {
    const shop = await startWorld(t);
    const pull = await shop.person.openPullRequest({ branch: "lamp", version: "never-ready" });
    await shop.until(() => shop.namespace(shop.previewNamespace(1)), "the preview is being made");
    await shop.person.close(pull.number);
    await commentSays(shop, 1, "Preview removed");
    await shop.quiet();

    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
    expect((await shop.deployments("preview")).map(({ state }) => state)).toEqual(["inactive"]);
    expect(await shop.status(pull.sha, "proa/preview")).toMatchObject({ state: "error" });
  });

  test("race 2: of two pushes within a second the later one is the preview, with one comment", async (t) => {
    const shop = await startWorld(t);
    const pull = await shop.person.openPullRequest({ branch: "lamp" });
    const later = await shop.person.push("lamp", "good");
    await live(shop, later, "preview");
    await shop.quiet();

    const { web } = await shop.live(shop.previewNamespace(1));
    expect(web?.annotations["proa.dev/commit"]).toBe(later);
    expect(await shop.status(pull.sha, "proa/preview")).toMatchObject({
      state: "error",
      description: expect.stringContaining(`Superseded by ${short(later)}`),
    });
    expect(await shop.comment(1)).toContain(`**Commit** ${short(later)}`);
    expect((await shop.deployments("preview")).filter(({ state }) => state === "success")).toMatchObject([
      { sha: later },
    ]);
  });

  test("race 14: a pull request reopened while its namespace is Terminating gets a new one", async (t) => {
    const shop = await startWorld(t);
    const pull = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, pull.sha, "preview");
    const former = (await shop.namespace(shop.previewNamespace(1)))?.metadata?.uid;
    const letGo = await holdBack(shop, shop.previewNamespace(1));
    await shop.person.close(1);
    await commentSays(shop, 1, "Preview is being removed");
    await shop.person.reopen(1);
    await commentSays(shop, 1, "recreating: waiting for the former namespace");
    await letGo();
    await live(shop, pull.sha, "preview");
    await shop.quiet();

    expect((await shop.namespace(shop.previewNamespace(1)))?.metadata?.uid).not.toBe(former);
    expect(await shop.comment(1)).toContain("Preview is ready");
    expect(await shop.serving("pr-1.shop.localhost")).toBe(pull.sha);
  });

  test("race 3: a push that is heard of after the pull request was closed changes nothing", async (t) => {
    const late: (() => Promise<unknown>)[] = [];
    let holding = false;
    const shop = await startWorld(t, {
      async deliver(delivery, send) {
        if (!holding || !isEvent(delivery, "pull_request.synchronize")) return send();
        late.push(send);
        return { status: 202 };
      },
    });
    const pull = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, pull.sha, "preview");
    holding = true;
    const pushed = await shop.person.push("lamp", "good");
    await shop.person.close(1);
    await commentSays(shop, 1, "Preview removed");
    for (const send of late) await send();
    await shop.quiet();

    expect(late).toHaveLength(1);
    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
    expect(await shop.status(pushed, "proa/preview")).not.toMatchObject({ state: "pending" });
  });

  test("race 13: a pull request retargeted to a branch without previews loses its own, and gets it back", async (t) => {
    const shop = await startWorld(t);
    await shop.person.push("release", "good", "main");
    const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, sha, "preview");
    await shop.person.retarget(1, "release");
    const comment = await commentSays(shop, 1, "Preview removed");
    expect(comment).toContain("Previews are for pull requests into main, this one goes into release");
    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();

    await shop.person.retarget(1, "main");
    await commentSays(shop, 1, "Preview is ready");
    await shop.quiet();
    expect(await shop.serving("pr-1.shop.localhost")).toBe(sha);
  });

  test("race 15: deleting the branch of an open pull request takes its preview down", async (t) => {
    const shop = await startWorld(t);
    const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, sha, "preview");
    await shop.person.deleteBranch("lamp");
    await commentSays(shop, 1, "Preview removed");
    await shop.quiet();

    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
  });

  test("race 16: a pull request converted to a draft, or that lost its label, loses its preview and says why", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, { previews: { when: { base: ["main"], label: "preview" } } });
    const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
    await shop.quiet();
    expect(await shop.comment(1)).toBeNull();

    await shop.person.label(1, "preview");
    await live(shop, sha, "preview");
    await shop.person.unlabel(1, "preview");
    expect(await commentSays(shop, 1, "Preview removed")).toContain("lacks the label preview");

    await shop.person.label(1, "preview");
    await commentSays(shop, 1, "Preview is ready");
    await shop.person.setDraft(1, true);
    expect(await commentSays(shop, 1, "Preview removed")).toContain("is a draft");
    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
  });

  test("race 29: what holds a namespace back is told, nothing is forced, and its slot stays taken", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, { previews: { cap: 1 } });
    const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, sha, "preview");
    const letGo = await holdBack(shop, shop.previewNamespace(1));
    await shop.person.close(1);
    const next = await shop.person.openPullRequest({ branch: "oar" });
    expect(await commentSays(shop, 1, "is still Terminating")).toContain("example.com/backup in 1 resource instances");
    expect(await shop.status(next.sha, "proa/preview")).toMatchObject({
      state: "pending",
      description: expect.stringContaining("number 1 in the queue"),
    });

    await letGo();
    await commentSays(shop, 1, "Preview removed");
    await live(shop, next.sha, "preview");
    expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
  });

  test("race 50: a sweep while a preview is being made takes nothing away", async (t) => {
    const shop = await startWorld(t);
    const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
    await shop.until(() => shop.namespace(shop.previewNamespace(1)), "the preview is being made", { stepMs: 0 });
    const made = (await shop.namespace(shop.previewNamespace(1)))?.metadata?.uid;
    await shop.world.sweep("github");
    await shop.world.sweep("overdue");
    await live(shop, sha, "preview");
    await shop.quiet();

    expect((await shop.namespace(shop.previewNamespace(1)))?.metadata?.uid).toBe(made);
  });
}
