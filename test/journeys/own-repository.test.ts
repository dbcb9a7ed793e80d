import { expect, test } from "vitest";
import { stringify } from "yaml";
import { type Journey, type Repository, startWorld } from "./harness.ts";
import { kubectl, statusIs } from "./races-support.ts";
import { readable } from "./readable.ts";

/** An app of one file: it answers with its text, or at `/env` with one variable. */
const app = (says: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  "package.json": JSON.stringify({ name: "app", private: true, scripts: { start: "node server.js" } }),
  "server.js": serverJs(says),
  ...more,
});

const serverJs = (says: string): string => `
const { createServer } = require("node:http");
const server = createServer((req, res) => res.end(req.url === "/env" ? process.env.DATABASE_URL ?? "none" : ${JSON.stringify(says)}));
server.listen(process.env.PORT);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

const config = (fields: object): Record<string, string> => ({
  ".proa.yml": stringify({ version: 1, services: { web: {} }, ...fields }),
});
const requireTest = { gate: { require: ["test"] } };

test("an app without a .proa.yml gets a preview a minute after its last check, because nothing says which checks matter", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository("hello", app("hello"));
  const { sha, number } = await hello.person.openPullRequest({
    branch: "greeting",
    version: { "server.js": serverJs("good morning") },
  });
  const before = world.world.clock.nowMs();
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  expect(world.world.clock.nowMs() - before).toBeGreaterThan(55_000);
  expect((await hello.statuses(sha, "proa/preview")).map(({ description }) => readable(description, { head: sha })))
    .toMatchInlineSnapshot(`
    [
      "waiting: no check has reported on <head>, and that is not the same as green — name one in \`gate.require\`, or set \`gate.noChecks: allow\`.",
      "\`test\` passed; waiting until nothing new has appeared for 60 s.",
      "Rolling out <head>",
      "Live at pr-1-hello.localhost:PORT",
    ]
  `);
  expect((await hello.visit(`pr-${number}-hello.localhost`)).body).toBe("good morning");
  await world.quiet();
  // Previews only: nothing reaches an environment unasked.
  expect(await hello.deployments("staging")).toEqual([]);
});

test("a .proa.yml that requires a check ends the waiting as soon as that check has passed", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository("hello", app("hello", config(requireTest)));
  const before = world.world.clock.nowMs();
  const { sha, number } = await hello.person.openPullRequest({
    branch: "greeting",
    version: { "server.js": serverJs("good morning") },
  });
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  expect(world.world.clock.nowMs() - before).toBeLessThan(30_000);
  expect((await hello.visit(`pr-${number}-hello.localhost`)).body).toBe("good morning");
});

test("a service that a pull request does not touch runs what staging runs", async (t) => {
  const world = await startWorld(t);
  const files = {
    "package.json": "{}",
    "packages/greeting.json": `{"says": "hello"}`,
    ...below("apps/web", app("web")),
    ...below("apps/worker", app("worker")),
    ...config({
      ...requireTest,
      services: { web: { path: "apps/web" }, worker: { path: "apps/worker", expose: false } },
      shared: ["packages/**"],
      environments: { staging: { from: "main", namespace: "two-staging", host: "two.localhost", bake: "3s" } },
    }),
  };
  const two = await world.repository("two", files);
  await ownNamespace(world, two, "two-staging");
  const first = await two.person.push("main", { "README.md": "Two services.\n" });
  await statusIs(at(world, two), first, "proa/staging", "success");
  const staging = await two.live("two-staging");
  expect(Object.keys(staging)).toEqual(["web", "worker"]);

  const web = await two.person.openPullRequest({
    branch: "web",
    version: { "apps/web/server.js": serverJs("new web") },
  });
  await statusIs(at(world, two), web.sha, "proa/preview", "success");
  const ofWeb = await two.live("acme-two-pr-1");
  expect(ofWeb["worker"]?.image).toBe(staging["worker"]?.image);
  expect(ofWeb["web"]?.image).not.toBe(staging["web"]?.image);
  expect((await two.visit("pr-1-two.localhost")).body).toBe("new web");

  const shared = await two.person.openPullRequest({
    branch: "shared",
    version: { "packages/greeting.json": `{"says": "hi"}` },
  });
  await statusIs(at(world, two), shared.sha, "proa/preview", "success");
  const ofShared = await two.live("acme-two-pr-2");
  expect(ofShared["worker"]?.image).not.toBe(staging["worker"]?.image);
  expect(ofShared["web"]?.image).not.toBe(staging["web"]?.image);
});

test("a preview gets the keys it asks for of a Secret that was opened to this repository, and of no other", async (t) => {
  const world = await startWorld(t);
  const secrets = { secrets: { from: "hello-preview", keys: ["DATABASE_URL"] } };
  const hello = await world.repository("hello", app("hello", config({ ...requireTest, previews: secrets })));
  const { core } = kubectl(world);
  const namespace = "proa";
  const data = { DATABASE_URL: "postgres://preview", ADMIN_PASSWORD: "never copied" };
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  await core.createNamespacedSecret({ namespace, body: { metadata: { name: "hello-preview" }, stringData: data } });

  const { sha } = await hello.person.openPullRequest({ branch: "greeting", version: { "server.js": serverJs("hi") } });
  expect(await statusIs(at(world, hello), sha, "proa/preview", "failure")).toMatchInlineSnapshot(
    `"the Secret \`hello-preview\` does not carry the label proa.dev/allow-previews: "true", which lets previews copy it."`,
  );

  const labels = { "proa.dev/repository-id": `${hello.id}`, "proa.dev/allow-previews": "true" };
  await core.replaceNamespacedSecret({
    namespace,
    name: "hello-preview",
    body: { metadata: { name: "hello-preview", labels }, stringData: data },
  });
  await hello.person.comment(1, "/deploy");
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  expect((await hello.visit("pr-1-hello.localhost", "/env")).body).toBe("postgres://preview");
  const { items } = await core.listNamespacedSecret({ namespace: "acme-hello-pr-1" });
  expect(items.map(({ data: copied }) => Object.keys(copied ?? {}))).toEqual([["DATABASE_URL"]]);
  // Values are in no record.
  expect(world.log.join("\n")).not.toContain("postgres://preview");
});

test("a fork's pull request gets no preview, and its status says so", async (t) => {
  const people = [{ login: "stranger", token: "ghp_stranger", permission: "read" }] as const;
  const world = await startWorld(t, { people });
  const fork = world.as("stranger", "stranger");
  await fork.octokit.rest.repos.createFork({ owner: "acme", repo: "shop" });
  const sha = await fork.push("bell", "good", "main");
  await fork.octokit.rest.pulls.create({
    owner: "acme",
    repo: "shop",
    head: "stranger:bell",
    base: "main",
    title: "Bell",
  });
  const ended = async () => {
    const status = await world.status(sha, "proa/preview");
    return status !== null && status.state !== "pending" ? status : null;
  };
  expect(await world.until(ended, "the status says it")).toMatchInlineSnapshot(`
    {
      "description": "pull requests from forks get no preview: they would run code of people without write access.",
      "state": "failure",
      "url": null,
    }
  `);
  await world.quiet();
  expect(await world.namespace("acme-shop-pr-1")).toBeNull();
});

test("a preview that nobody touches goes when its time to live ends, and /deploy brings it back", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository("hello", app("hello", config({ ...requireTest, previews: { ttl: "1h" } })));
  const { sha } = await hello.person.openPullRequest({ branch: "greeting", version: { "server.js": serverJs("hi") } });
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  await world.pass(50 * 60_000);
  expect(await hello.namespace("acme-hello-pr-1")).not.toBeNull();
  await world.pass(20 * 60_000);
  await world.until(async () => (await hello.namespace("acme-hello-pr-1")) === null, "the namespace is gone");
  await world.quiet();
  expect(await hello.comment(1)).toContain("its time to live ended");
  // The commit was live, and that stays true.
  expect(await hello.status(sha, "proa/preview")).toMatchObject({ state: "success" });

  await hello.person.comment(1, "/deploy");
  await world.until(async () => (await hello.visit("pr-1-hello.localhost")).body === "hi", "it is back");
});

test("above the cap a pull request waits in a queue, and says at which place", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository("hello", app("hello", config({ ...requireTest, previews: { cap: 1 } })));
  const open = (branch: string) => hello.person.openPullRequest({ branch, version: { "server.js": serverJs(branch) } });
  const first = await open("one");
  await statusIs(at(world, hello), first.sha, "proa/preview", "success");
  const second = await open("two");
  const says = async (sha: string, text: string) =>
    world.until(
      async () => (await hello.status(sha, "proa/preview"))?.description.includes(text),
      `${sha} says ${text}`,
    );
  await says(second.sha, "number 1 in the queue");
  const third = await open("three");
  await says(third.sha, "number 2 in the queue");

  await hello.person.close(first.number);
  await statusIs(at(world, hello), second.sha, "proa/preview", "success");
  await says(third.sha, "number 1 in the queue");
  expect(await hello.namespace("acme-hello-pr-1")).toBeNull();
  expect(await hello.namespace("acme-hello-pr-3")).toBeNull();
});

test("previews for a label come with it and go with it", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository(
    "hello",
    app("hello", config({ ...requireTest, previews: { when: { label: "preview" } } })),
  );
  const { sha, number } = await hello.person.openPullRequest({
    branch: "one",
    version: { "server.js": serverJs("hi") },
  });
  await world.quiet();
  expect(await hello.namespace("acme-hello-pr-1")).toBeNull();
  expect(await hello.comment(number)).toBeNull();
  await hello.person.label(number, "preview");
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  await hello.person.unlabel(number, "preview");
  await world.until(async () => (await hello.namespace("acme-hello-pr-1")) === null, "the namespace is gone");
});

test("a draft gets its preview when it is ready for review", async (t) => {
  const world = await startWorld(t);
  const { sha, number } = await world.person.openPullRequest({ branch: "one", draft: true });
  await world.quiet();
  expect(await world.namespace("acme-shop-pr-1")).toBeNull();
  await world.person.setDraft(number, false);
  await statusIs(world, sha, "proa/preview", "success");
});

test("a mistake in .proa.yml is shown on its line, and what serves stays", async (t) => {
  const world = await startWorld(t);
  const hello = await world.repository("hello", app("hello", config(requireTest)));
  const { sha, number } = await hello.person.openPullRequest({
    branch: "one",
    version: { "server.js": serverJs("hi") },
  });
  await statusIs(at(world, hello), sha, "proa/preview", "success");
  const broken = "version: 1\nservices:\n  web:\n    prot: 8080\ngate:\n  require: [test]\n";
  const bad = await hello.person.push("one", { ".proa.yml": broken });
  const says = readable(await statusIs(at(world, hello), bad, "proa/preview", "failure"), { good: sha });
  expect(says).toMatchInlineSnapshot(
    `".proa.yml line 4: \`services.web.prot\` is not a key that Proa knows. <good> still serves."`,
  );
  const report = await world.until(() => hello.checkRun(bad, "proa/preview report"), "the report is there");
  expect(report.annotations).toMatchInlineSnapshot(`
    [
      {
        "line": 4,
        "message": "\`services.web.prot\` is not a key that Proa knows
    did you mean \`port\`?",
        "path": ".proa.yml",
      },
    ]
  `);
  expect(report.conclusion).toBe("failure");
  expect((await hello.visit(`pr-${number}-hello.localhost`)).body).toBe("hi");

  const good = await hello.person.push("one", { ".proa.yml": broken.replace("prot", "port") });
  await statusIs(at(world, hello), good, "proa/preview", "success");
});

/** The world as seen from another repository. */
const at = (world: Journey, repository: Repository): Journey => ({
  ...world,
  ...repository,
  world: world.world,
  ci: world.ci,
});

const below = (folder: string, files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

/** What a cluster's owner does once per environment. */
async function ownNamespace(world: Journey, { id }: Repository, name: string): Promise<void> {
  const labels = { "proa.dev/repository-id": `${id}` };
  await kubectl(world).core.createNamespace({ body: { metadata: { name, labels } } });
}
