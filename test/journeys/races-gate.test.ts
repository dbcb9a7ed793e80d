import { expect, test } from "vitest";
import { type Journey, startWorld } from "./harness.ts";
import {
  commentSays,
  configure,
  live,
  previewNamespace,
  recordOf,
  environment,
  short,
  statusIs,
} from "./races-support.ts";

const OWNER = { login: "owner", token: "ghp_owner", permission: "admin" } as const;

const at = (shop: Journey, sha: string) => ({ owner: shop.owner, repo: shop.name, sha });
const waits = (shop: Journey, sha: string, context: string, forWhat: string): Promise<string> =>
  shop.until(
    async () => {
      const status = await shop.status(sha, context);
      return status?.state === "pending" && status.description.includes(forWhat) ? status.description : null;
    },
    `${context} of ${short(sha)} waits: ${forWhat}`,
  );

test("races 8 and 9: neither green checks without an image nor an image without checks is deployed", async (t) => {
  const shop = await startWorld(t, { ci: "manual" });
  const first = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.report(at(shop, first.sha), "success");
  expect(await waits(shop, first.sha, "proa/preview", "checks passed; waiting for image")).toContain(
    `acme/shop-web:${short(first.sha)}`,
  );
  const second = await shop.person.openPullRequest({ branch: "oar" });
  await shop.ci.build(at(shop, second.sha));
  await waits(shop, second.sha, "proa/preview", "waiting for `test`");
  expect(await shop.namespace(previewNamespace(1))).toBeNull();
  expect(await shop.namespace(previewNamespace(2))).toBeNull();

  const started = shop.world.clock.nowMs();
  await shop.ci.build(at(shop, first.sha));
  await shop.ci.report(at(shop, second.sha), null);
  await shop.ci.report(at(shop, second.sha), "success");
  await live(shop, first.sha, "preview");
  await live(shop, second.sha, "preview");
  expect(shop.world.clock.nowMs() - started).toBeLessThan(60_000);
});

test("race 8: an image that does not come is named by its tag", async (t) => {
  const shop = await startWorld(t, { ci: "manual" });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.report(at(shop, sha), "success");
  await shop.pass(12 * 60_000);
  expect(await shop.comment(1)).toContain(`does the build push the tag ${sha}?`);
});

test("race 10: a tag that is pushed again with other content changes nothing, and is told", async (t) => {
  const shop = await startWorld(t, { ci: "manual" });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.build(at(shop, sha));
  await shop.ci.report(at(shop, sha), "success");
  await live(shop, sha, "preview");
  const before = (await shop.live(previewNamespace(1)))["web"]?.image;
  const other = await shop.person.push("other", "good", "main");
  await shop.ci.build(at(shop, other), sha);
  await shop.person.comment(1, "/deploy");
  const comment = await commentSays(shop, 1, "now names");
  await shop.quiet();

  expect(comment).toContain("that is what runs");
  expect((await shop.live(previewNamespace(1)))["web"]?.image).toBe(before);
});

test("race 17: a commit merged past a failing check stops before staging, and says at which check", async (t) => {
  const shop = await startWorld(t, { people: [OWNER] });
  await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
  const before = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
  const files = { "price.js": "export const price = () => 0;\n" };
  await shop.person.push("lamp", files, "main");
  const sha = await shop.as("owner").push("main", "failing-test");
  expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain("`test`");
  await shop.quiet();

  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(before);
});

test("race 21: a check that turns red after staging takes nothing down, and bars the way to production", async (t) => {
  const shop = await startWorld(t, {
    ci: "manual",
    people: [{ login: "mate", token: "ghp_mate", permission: "write" }],
  });
  await shop.person.push("main", {
    ".proa.yml": (await import("./races-support.ts")).shopConfig({
      environments: { staging: { bake: "0s" }, production: { approve: { permission: "write" } } },
    }),
  });
  const sha = await shop.person.push("main", "good");
  await shop.ci.build(at(shop, sha));
  await shop.ci.report(at(shop, sha), "success");
  await live(shop, sha, "staging");
  await shop.until(
    async () => (await shop.status(sha, "proa/production"))?.description.includes("waits for an approval"),
    "production asks for an approval",
  );
  await shop.ci.report(at(shop, sha), "failure");
  await shop.quiet();
  await shop.as("mate").pressButton(sha, "proa/production report", "approve");
  expect(await statusIs(shop, sha, "proa/production", "failure")).toContain("`test`");
  await shop.quiet();

  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(sha);
  expect(await shop.live("shop")).toEqual({});
  await shop.ci.report(at(shop, sha), "success");
  await live(shop, sha, "production");
});

test("race 22: a required check that is renamed while it is waited for holds nobody for ever", async (t) => {
  const shop = await startWorld(t, { people: [OWNER] });
  const protect = (contexts: string[]) =>
    shop.as("owner").octokit.rest.repos.updateBranchProtection({
      owner: shop.owner,
      repo: shop.name,
      branch: "main",
      required_status_checks: { strict: false, contexts },
      enforce_admins: null,
      required_pull_request_reviews: null,
      restrictions: null,
    });
  await protect(["lint (old)"]);
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await waits(shop, sha, "proa/preview", "waiting for `lint (old)`");
  await protect([]);
  const started = shop.world.clock.nowMs();
  await live(shop, sha, "preview");
  expect(shop.world.clock.nowMs() - started).toBeLessThan(6 * 60_000);
});

test("race 24: our own check among the required ones is left out, or it would wait for itself", async (t) => {
  const shop = await startWorld(t, { people: [OWNER] });
  await shop.as("owner").octokit.rest.repos.updateBranchProtection({
    owner: shop.owner,
    repo: shop.name,
    branch: "main",
    required_status_checks: { strict: false, contexts: ["proa/preview"] },
    enforce_admins: null,
    required_pull_request_reviews: null,
    restrictions: null,
  });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await live(shop, sha, "preview");
});
