import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test, type TestContext } from "vitest";
import type { Layer } from "../../local/ci/image.ts";
import { REGISTRY_HOST } from "../../local/world.ts";
import { type Journey, worldsOnNodes } from "../journeys/harness.ts";
import { commentSays, configure, statusIs } from "../journeys/races-support.ts";

const given = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests are run by "npm run test:cluster:nodes"`);
  return value;
};

/** `node.sh` and `main.ts` say where the node's cluster is and what images stand on. */
async function startWorld(t: TestContext): Promise<Journey> {
  const kubeconfig = readFileSync(given("REALNODE_KUBECONFIG"), "utf8");
  const base = JSON.parse(given("REALNODE_BASE")) as Layer; // written by `main.ts`
  const world = await worldsOnNodes({ kubeconfig }, [base])(t);
  const hosts = join(given("REALNODE_REGISTRIES"), REGISTRY_HOST);
  mkdirSync(hosts, { recursive: true });
  const registry = `[host."${world.world.url}"]\n  capabilities = ["pull", "resolve"]\n`;
  writeFileSync(join(hosts, "hosts.toml"), `server = "${world.world.url}"\n\n${registry}`);
  return world;
}

/** What that expression is worth to the code of a preview. */
async function inPod(namespace: string, expression: string): Promise<string> {
  const node = ["node", "-p", expression];
  const args = ["--kubeconfig", given("REALNODE_KUBECONFIG"), "-n", namespace, "exec", "deploy/web", "--", ...node];
  return (await promisify(execFile)(given("KUBECTL"), args)).stdout.trim();
}

const HOST = "pr-1.shop.localhost";

test("a pull request's code runs in a container, rolls to the next version, and one that crashes leaves it serving", async (t) => {
  const shop = await startWorld(t);
  const { sha } = await shop.person.openPullRequest({ branch: "sextant" });
  await statusIs(shop, sha, "proa/preview", "success");
  expect(await shop.serving(HOST)).toBe(sha);

  const next = await shop.person.push("sextant", "good");
  await statusIs(shop, next, "proa/preview", "success");
  expect(await shop.serving(HOST)).toBe(next);
  expect(await inPod(shop.previewNamespace(1), 'fs.existsSync("/var/run/secrets/kubernetes.io")')).toBe("false");

  const crashing = await shop.person.push("sextant", "crashing");
  const said = await statusIs(shop, crashing, "proa/preview", "failure");
  expect(said).toContain("CrashLoopBackOff");
  expect(await shop.serving(HOST)).toBe(next);
  await commentSays(shop, 1, "Still serving");
  const report = await shop.checkRun(crashing, "proa/preview report");
  expect(report?.text).toContain("TypeError: Cannot read properties of undefined");

  await shop.person.close(1);
  const namespace = shop.previewNamespace(1);
  await shop.until(async () => (await shop.namespace(namespace)) === null, "the preview's namespace is gone");
  expect(await shop.serving(HOST)).toBeNull();
});

test("a merge whose readiness probe fails never takes the place of what serves, and is rolled back", async (t) => {
  const shop = await startWorld(t);
  const only = { staging: { bake: "0s", deadline: "60s" }, production: null };
  const good = await configure(shop, { environments: only });
  await statusIs(shop, good, "proa/staging", "success");
  expect(await shop.serving("staging.shop.localhost")).toBe(good);

  const bad = await shop.person.push("main", "never-ready");
  const said = await statusIs(shop, bad, "proa/staging", "failure");
  expect(said).toContain("Rolled back");
  expect(await shop.serving("staging.shop.localhost")).toBe(good);
  const report = await shop.checkRun(bad, "proa/staging report");
  expect(`${report?.summary}\n${report?.text}`).toContain("Readiness probe failed");
});
