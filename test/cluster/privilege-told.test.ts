import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { expect, test, type TestContext } from "vitest";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import { parseRepoId, type Target } from "../../src/core/names.ts";
import { parseTemplate } from "../../src/core/template.ts";
import { digest, sha } from "../core/decision-fixture.ts";
import { kubectl, newKubectl } from "../parity/kubectl.ts";
import { uniqueName } from "../parity/test-cluster.ts";
import { filesOf, install, type Installation, rights } from "./privilege-install.ts";
import { startWalk, toldOf, type Walk } from "./privilege-walk.ts";
import { realCluster } from "./real-cluster.ts";

const owner = new KubeConfig();
const cluster = await realCluster();
owner.loadFromString(cluster.kubeconfig);
const core = owner.makeApiClient(CoreV1Api);
const rbac = owner.makeApiClient(RbacAuthorizationV1Api);

const good = { digest: digest("0"), config: defaultConfig("main") };
let last = 0;

/** A pull request of its own, and the deployer in front of it. */
async function start(t: TestContext, installation: Installation): Promise<{ walk: Walk; target: Target }> {
  const dir = mkdtempSync(join(tmpdir(), "proa-privilege-"));
  const walk = startWalk(installation, dir);
  const repoId = parseRepoId(1 + Math.floor(Math.random() * 1e9));
  if (repoId === null) throw new Error("a number");
  const target: Target = { kind: "preview", repoId, number: 900_000_000 + Math.floor(Math.random() * 1e8) + ++last };
  t.onTestFinished(async () => {
    const { state } = await walk.fx.store.load(target);
    for (const { namespace: name } of Object.values(state?.placements ?? {})) await core.deleteNamespace({ name });
    await installation.remove();
    rmSync(dir, { recursive: true, force: true });
  });
  return { walk, target };
}

test.concurrent("what a missing right has stopped goes on by itself when somebody gives it", async (t) => {
  const without = rights().find(
    ({ role, verb, resource }) => `${role} ${verb} ${resource}` === "proa-preview create services",
  );
  if (without === undefined) throw new Error("a preview has Services");
  const installation = await install(owner, without);
  const { walk, target } = await start(t, installation);
  const stopped = await walk.deploy(target, { ...good, sha: sha("a") });
  expect(toldOf(stopped)).toContain("Proa has no right to create services in");
  const name = installation.named("proa-preview");
  const { rules = [] } = await rbac.readClusterRole({ name });
  const given = { apiGroups: [""], resources: ["services"], verbs: ["create"] };
  await rbac.replaceClusterRole({ name, body: { metadata: { name }, rules: [...rules, given] } });
  expect(await walk.resume(target)).toMatchObject({ phase: "live", live: { sha: sha("a") } });
});

test.concurrent("a namespace that the cluster's policies refuse is a failed preview, in the policy's own words", async (t) => {
  const full = await install(owner);
  const text = readFileSync(new URL("../../templates/namespace.yaml", import.meta.url), "utf8");
  const namespace = parseTemplate("namespace", text.replace(/\n.*pod-security.*enforce: baseline/, ""));
  const { walk, target } = await start(t, { ...full, templates: { ...full.templates, namespace } });
  const state = await walk.deploy(target, { ...good, sha: sha("a") });
  expect(state).toMatchObject({ phase: "failed", placements: {} });
  expect(toldOf(state)).toContain("must be labelled pod-security.kubernetes.io/enforce=baseline or restricted");
});

test.concurrent("kubectl apply takes the folder as it stands, and the API server takes it again", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "proa-privilege-"));
  const files = join(dir, "cluster");
  mkdirSync(files);
  for (const [name, text] of Object.entries(filesOf(uniqueName("t")))) writeFileSync(join(files, name), text);
  const run = newKubectl(await kubectl(), dir, cluster.kubeconfig);
  t.onTestFinished(async () => {
    await run(["delete", "--wait=false", "-f", files]);
    rmSync(dir, { recursive: true, force: true });
  });
  expect(await run(["apply", "-f", files])).toMatchObject({ code: 0, err: "" });
  expect(await run(["apply", "--dry-run=server", "--validate=strict", "-f", files])).toMatchObject({
    code: 0,
    err: "",
  });
});
