import { expect, test } from "vitest";
import { startWorld } from "./harness.ts";
import { commentSays, holdBack, live, previewNamespace, short } from "./races-support.ts";

test("race 1: a pull request closed while its preview rolls out ends without a preview", async (t) => {
  const shop = await startWorld(t);
  const pull = await shop.person.openPullRequest({ branch: "lamp", version: "never-ready" });
  await shop.until(() => shop.namespace(previewNamespace(1)), "the preview is being made");
  await shop.person.close(pull.number);
  await commentSays(shop, 1, "Preview removed");
  await shop.quiet();

  expect(await shop.namespace(previewNamespace(1))).toBeNull();
  expect((await shop.deployments("preview")).map(({ state }) => state)).toEqual(["inactive"]);
  expect(await shop.status(pull.sha, "proa/preview")).toMatchObject({ state: "error" });
});

test("race 2: of two pushes within a second the later one is the preview, with one comment", async (t) => {
  const shop = await startWorld(t);
  const pull = await shop.person.openPullRequest({ branch: "lamp" });
  const later = await shop.person.push("lamp", "good");
  await live(shop, later, "preview");
  await shop.quiet();

  const { web } = await shop.live(previewNamespace(1));
  expect(web?.annotations["proa.dev/commit"]).toBe(later);
  expect(await shop.status(pull.sha, "proa/preview")).toMatchObject({ state: "error", description: expect.stringContaining(`Superseded by ${short(later)}`) });
  expect(await shop.comment(1)).toContain(`**Commit** ${short(later)}`);
  expect((await shop.deployments("preview")).filter(({ state }) => state === "success")).toMatchObject([{ sha: later }]);
});

test("race 14: a pull request reopened while its namespace is Terminating gets a new one", async (t) => {
  const shop = await startWorld(t);
  const pull = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, pull.sha, "preview");
  const former = (await shop.namespace(previewNamespace(1)))?.metadata?.uid;
  const letGo = await holdBack(shop, previewNamespace(1));
  await shop.person.close(1);
  await commentSays(shop, 1, "Preview is being removed");
  await shop.person.reopen(1);
  await commentSays(shop, 1, "recreating: waiting for the former namespace");
  await letGo();
  await live(shop, pull.sha, "preview");
  await shop.quiet();

  expect((await shop.namespace(previewNamespace(1)))?.metadata?.uid).not.toBe(former);
  expect(await shop.comment(1)).toContain("Preview is ready");
  expect((await shop.visit("pr-1.shop.localhost", "/version")).body).toContain(pull.sha);
});
