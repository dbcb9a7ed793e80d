import { expect, test } from "vitest";
import { startWorld } from "./harness.ts";
import {
  commentSays,
  configure,
  kubectl,
  live,
  previewNamespace,
  shopConfig,
  STAGING_ALONE,
  statusIs,
} from "./races-support.ts";

const STRANGER = { login: "stranger", token: "ghp_stranger", permission: "read" } as const;

test("race 37: a pull request from a fork runs nothing, and is told why", async (t) => {
  const shop = await startWorld(t, { people: [STRANGER] });
  const { octokit } = shop.as("stranger");
  await octokit.rest.repos.createFork({ owner: "acme", repo: "shop" });
  const fork = shop.as("stranger", "stranger");
  const sha = await fork.push("lamp", "good", "main");
  await octokit.rest.pulls.create({
    owner: "acme",
    repo: "shop",
    head: "stranger:lamp",
    base: "main",
    title: "A lamp",
  });
  expect(await statusIs(shop, sha, "proa/preview", "failure")).toContain("pull requests from forks get no preview");
  const pushed = await fork.push("lamp", "good");
  await statusIs(shop, pushed, "proa/preview", "failure");
  await shop.quiet();

  expect(await shop.namespace(previewNamespace(1))).toBeNull();
});

test("race 39: what a pull request changes of the guarded config has no effect, and its comment says so", async (t) => {
  const shop = await startWorld(t);
  await shop.quiet();
  const guarded = { gate: { require: [] }, previews: { secrets: { from: "production", keys: ["DATABASE_URL"] } } };
  const image = { services: { web: { image: "registry.localhost/evil/miner" } } };
  const { sha } = await shop.person.openPullRequest({
    branch: "lamp",
    version: { ".proa.yml": shopConfig({ ...guarded, ...image }) },
  });
  // Its CI has built what the pull request names; Proa waits for what the base branch names.
  await shop.until(
    async () =>
      (await shop.status(sha, "proa/preview"))?.description.includes(
        "waiting for image registry.localhost/acme/shop-web",
      ),
    "the image of the base branch is waited for",
  );
  const comment = await commentSays(shop, 1, "services.web.image");
  for (const key of ["gate", "previews"]) expect(comment).toContain(key);

  const pushed = await shop.person.push("lamp", { ".proa.yml": shopConfig(guarded) });
  await live(shop, pushed, "preview");
  const { web } = await shop.live(previewNamespace(1));
  expect(web?.image).toMatch(/^registry\.localhost\/acme\/shop-web@sha256:/);
});

test("race 40: commands of strangers, bots and edited comments move nothing", async (t) => {
  const shop = await startWorld(t, { people: [STRANGER] });
  await configure(shop, STAGING_ALONE);
  const { number } = await shop.person.openPullRequest({ branch: "lamp" });
  const merged = await shop.person.merge(number);
  await live(shop, merged, "staging");
  await shop.quiet();
  const revision = async () => (await shop.live("shop-staging"))["web"]?.annotations["proa.dev/revision"];
  const before = await revision();

  await shop.as("stranger").comment(number, "/rollback staging");
  expect(await commentSays(shop, number, "`/rollback` by @stranger refused")).toContain(
    "needs write permission on acme/shop (has read)",
  );
  const harmless = await shop.person.comment(number, "Shall we go back?");
  await shop.person.octokit.rest.issues.updateComment({
    owner: "acme",
    repo: "shop",
    comment_id: harmless,
    body: "/rollback staging",
  });
  await shop.quiet();
  expect(await revision()).toBe(before);
  expect((await shop.visit("staging.shop.localhost", "/version")).body).toContain(merged);
});

test("race 46: a preview whose secret is missing says which, and comes up once it is there", async (t) => {
  const shop = await startWorld(t);
  await configure(shop, { previews: { secrets: { from: "shop-preview-source", keys: ["API_KEY"] } } });
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  expect(await statusIs(shop, sha, "proa/preview", "failure")).toContain(
    "the Secret `shop-preview-source` does not exist",
  );
  const { core } = kubectl(shop);
  const namespace = shop.world.fx.installation.secretsNamespace;
  const labels = { "proa.dev/allow-previews": "true", "proa.dev/repository-id": `${shop.id}` };
  await core.createNamespace({ body: { metadata: { name: namespace } } }).catch(() => undefined);
  await core.createNamespacedSecret({
    namespace,
    body: { metadata: { name: "shop-preview-source", labels }, stringData: { OTHER: "x" } },
  });
  await shop.person.comment(1, "/deploy");
  await commentSays(shop, 1, "has no key `API_KEY`");
  await core.replaceNamespacedSecret({
    namespace,
    name: "shop-preview-source",
    body: { metadata: { name: "shop-preview-source", labels }, stringData: { API_KEY: "canary-91c2" } },
  });
  await live(shop, sha, "preview");

  expect(shop.log.join("\n")).not.toContain("canary-91c2");
  expect(await shop.comment(1)).not.toContain("canary-91c2");
});
