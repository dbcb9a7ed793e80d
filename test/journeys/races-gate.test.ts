import { expect, test } from "vitest";
import { type Journey, startWorld } from "./harness.ts";
import {
  commentSays,
  configure,
  environment,
  kubectl,
  live,
  previewNamespace,
  recordOf,
  shopConfig,
  short,
  statusIs,
} from "./races-support.ts";

const OWNER = { login: "owner", token: "ghp_owner", permission: "admin" } as const;
const MATE = { login: "mate", token: "ghp_mate", permission: "write" } as const;
const APPROVED = { environments: { staging: { bake: "0s" }, production: { approve: { permission: "write" } } } };

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
  const missing = `does the build push the tag ${sha}?`;
  expect(await commentSays(shop, 1, missing)).toContain("in the registry");
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

test("race 11: a tag that can be seen before its layers can be pulled comes up once they can", async (t) => {
  const shop = await startWorld(t, { ci: "manual" });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.build(at(shop, sha));
  const putBack = await takeLayer(shop, "acme/shop-web", sha);
  await shop.ci.report(at(shop, sha), "success");
  await shop.until(
    async () =>
      (await kubectl(shop).core.listNamespacedPod({ namespace: previewNamespace(1) })).items.some(({ status }) =>
        /ErrImagePull|ImagePullBackOff/.test(status?.containerStatuses?.[0]?.state?.waiting?.reason ?? ""),
      ),
    "the image cannot be pulled",
  );
  await putBack();
  await live(shop, sha, "preview");
  expect((await shop.statuses(sha, "proa/preview")).map(({ state }) => state)).not.toContain("failure");
});

/** Takes an image's layer out of the registry, as while it is still being uploaded; answers how it arrives. */
async function takeLayer({ world }: Journey, repository: string, tag: string): Promise<() => Promise<void>> {
  const url = `${world.url}/v2/${repository}`;
  const headers = {
    authorization: `Bearer ${world.secrets.registryToken}`,
    accept: "application/vnd.oci.image.manifest.v1+json",
  };
  const manifest = (await (await fetch(`${url}/manifests/${tag}`, { headers })).json()) as {
    layers: { digest: string }[];
  };
  const digest = manifest.layers[0]?.digest ?? "";
  const layer = await (await fetch(`${url}/blobs/${digest}`, { headers })).arrayBuffer();
  await fetch(`${url}/blobs/${digest}`, { method: "DELETE", headers });
  return async () => {
    const started = await fetch(`${url}/blobs/uploads/`, { method: "POST", headers });
    const to = new URL(started.headers.get("location") ?? "", world.url);
    to.searchParams.set("digest", digest);
    const { status } = await fetch(to, { method: "PUT", headers, body: layer });
    if (status !== 201) throw new Error(`the layer was not taken: ${status}`);
  };
}

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
  const shop = await startWorld(t, { ci: "manual", people: [MATE] });
  await shop.person.push("main", { ".proa.yml": shopConfig(APPROVED) });
  const sha = await shop.person.push("main", "good");
  const asked = () =>
    shop.until(
      async () => (await shop.checkRun(sha, "proa/production report"))?.conclusion === "action_required",
      "production asks for an approval",
    );
  await shop.ci.build(at(shop, sha));
  await shop.ci.report(at(shop, sha), "success");
  await live(shop, sha, "staging");
  await asked();
  await shop.ci.report(at(shop, sha), "failure");
  expect(await statusIs(shop, sha, "proa/production", "failure")).toContain("`test`");
  await shop.quiet();

  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(sha);
  expect(await shop.live("shop")).toEqual({});
  await shop.ci.report(at(shop, sha), "success");
  await asked();
  await shop.as("mate").pressButton(sha, "proa/production report", "approve");
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
  const { sha, number } = await shop.person.openPullRequest({ branch: "lamp" });
  expect(await live(shop, sha, "preview")).toContain("pr-1.shop.localhost");
  const told = await shop.until(async () => {
    const comment = await shop.comment(number);
    return comment?.includes("is Proa's own report") ? comment : null;
  }, "the comment warns of the deadlock");
  expect(told).toContain("`proa/preview` is Proa's own report and is required by main");
});
