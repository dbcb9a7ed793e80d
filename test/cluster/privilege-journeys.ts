import { CoreV1Api, type KubeConfig, KubernetesObjectApi } from "@kubernetes/client-node";
import type { EnvironmentConfig, RepoConfig } from "../../src/core/config.ts";
import { parseConfig } from "../../src/core/config-parse.ts";
import { type Digest, parseDigest, parseRepoId, type Sha, type Target } from "../../src/core/names.ts";
import type { TargetState } from "../../src/core/state.ts";
import { sha } from "../core/decision-fixture.ts";
import { uniqueName } from "../parity/test-cluster.ts";
import type { Installation } from "./privilege-install.ts";
import { startWalk, toldOf, type Walk } from "./privilege-walk.ts";

/** Where a journey stopped, in the words that people read; null: it went through. */
export type Stopped = string | null;

interface Stage {
  readonly owner: KubeConfig;
  readonly installation: Installation;
  readonly dir: string;
}

let numbers = 0;
const newTarget = (): Extract<Target, { kind: "preview" }> => {
  const repoId = parseRepoId(1_000_000 + Math.floor(Math.random() * 1_000_000_000));
  if (repoId === null) throw new Error("a number");
  return { kind: "preview", repoId, number: 100_000 + Math.floor(Math.random() * 800_000) + ++numbers };
};

/** The last two digits steer the fake kubelet: `00` runs, `c0` crashes. */
const digest = (start: string, plays: "00" | "c0"): Digest => {
  const parsed = parseDigest(`sha256:${start.repeat(62)}${plays}`);
  if (parsed === null) throw new Error("a digest");
  return parsed;
};

const previewYaml = (host: string, level: string): string => `
version: 1
services: {web: {env: {LOG_LEVEL: ${level}}}}
previews: {host: "${host}-{n}.{domain}", secrets: {from: source, keys: [DATABASE_URL]}}
`;

function parsed(yaml: string): RepoConfig {
  const result = parseConfig(yaml, "main");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const GOOD: readonly (readonly [string, Sha, Digest, RepoConfig])[] = [
  ["opened", sha("a"), digest("a", "00"), parsed(previewYaml("pr", "info"))],
  ["pushed, another image", sha("b"), digest("b", "00"), parsed(previewYaml("pr", "info"))],
  ["pushed, another host and other variables", sha("c"), digest("b", "00"), parsed(previewYaml("pull", "debug"))],
];

/** A preview with a copied Secret: made, updated by image, updated as a whole, and then a version that crashes. */
export async function previewJourney({ owner, installation, dir }: Stage): Promise<Stopped> {
  const walk = startWalk(installation, dir);
  const target = newTarget();
  await source(owner, installation, target.repoId);
  try {
    for (const [, commit, image, config] of GOOD) {
      const state = await walk.deploy(target, { sha: commit, digest: image, config });
      if (state.phase !== "live") return toldOf(state);
    }
    const config = GOOD[2]?.[3] ?? parsed("version: 1");
    return diagnosed(await walk.deploy(target, { sha: sha("d"), digest: digest("c", "c0"), config }));
  } finally {
    await discard(walk, target, owner);
  }
}

/** A preview that is made and taken down; answers when its namespace is gone. */
export async function removalJourney({ owner, installation, dir }: Stage): Promise<Stopped> {
  const walk = startWalk(installation, dir);
  const target = newTarget();
  const config = parsed("version: 1");
  try {
    const state = await walk.deploy(target, { sha: sha("a"), digest: digest("a", "00"), config });
    if (state.phase !== "live") return toldOf(state);
    const gone = await walk.remove(target);
    return gone.tombstone === null ? null : gone.because;
  } finally {
    await discard(walk, target, owner);
  }
}

/** An environment whose owner has bound the role: deployed, updated, a version that crashes, rolled back. */
export async function environmentJourney({ owner, installation, dir }: Stage): Promise<Stopped> {
  const walk = startWalk(installation, dir);
  const { target, env } = await environment(owner, installation, "proa-environment");
  try {
    for (const [, commit, image, { services }] of GOOD) {
      const host = commit === sha("c") ? "new.example" : "old.example";
      const config = { ...parsed("version: 1"), services };
      const state = await walk.deploy(target, { sha: commit, digest: image, config, env: { ...env, host } });
      if (state.phase !== "live") return toldOf(state);
    }
    const config = parsed("version: 1");
    return rolledBack(await walk.deploy(target, { sha: sha("d"), digest: digest("c", "c0"), config, env }));
  } finally {
    await discardNamespace(owner, env.namespace);
  }
}

/** The image of a Deployment that was there before, and one that was not. */
export async function patchJourney({ owner, installation, dir }: Stage): Promise<Stopped> {
  const walk = startWalk(installation, dir);
  const { target, env } = await environment(owner, installation, "proa-environment-patch");
  const patching = (deployment: string): RepoConfig =>
    parsed(`{version: 1, deploy: {mode: patch, workloads: {web: {deployment: ${deployment}, container: app}}}}`);
  try {
    await existingDeployment(owner, env.namespace);
    for (const [commit, letter] of [
      ["a", "a"],
      ["b", "b"],
    ] as const) {
      const wish = { sha: sha(commit), digest: digest(letter, "00"), config: patching("shop-web"), env };
      const state = await walk.deploy(target, wish);
      if (state.phase !== "live") return toldOf(state);
    }
    const crash = { sha: sha("d"), digest: digest("c", "c0"), config: patching("shop-web"), env };
    const stopped = rolledBack(await walk.deploy(target, crash));
    if (stopped !== null) return stopped;
    const absent = await walk.deploy(target, { ...crash, sha: sha("e"), config: patching("absent") });
    return toldOf(absent).includes("the Deployment absent does not exist") ? null : toldOf(absent);
  } finally {
    await discardNamespace(owner, env.namespace);
  }
}

function rolledBack(state: TargetState): Stopped {
  return /Rolled back to .*, which serves/.test(state.because) ? diagnosed(state) : toldOf(state);
}

/** A crash is explained with the cluster's events and the pod's own words. */
function diagnosed(state: TargetState): Stopped {
  const text = state.report?.text ?? "";
  const unread = /\*\*Not read\*\* (.*)/.exec(text)?.[1];
  if (unread !== undefined) return unread;
  return state.phase === "failed" && text.includes("**Events**") && text.includes("**Last log lines of")
    ? null
    : `${toldOf(state)} ${text}`;
}

async function source(owner: KubeConfig, { namespace }: Installation, repoId: number): Promise<void> {
  const labels = { "proa.dev/allow-previews": "true", "proa.dev/repository-id": `${repoId}` };
  const body = { metadata: { name: "source", labels }, stringData: { DATABASE_URL: "postgres://preview" } };
  await owner.makeApiClient(CoreV1Api).createNamespacedSecret({ namespace, body });
}

async function environment(
  owner: KubeConfig,
  installation: Installation,
  role: "proa-environment" | "proa-environment-patch",
): Promise<{ target: Target; env: EnvironmentConfig }> {
  const { repoId } = newTarget();
  const namespace = uniqueName("shop");
  const labels = { "proa.dev/repository-id": `${repoId}` };
  await owner.makeApiClient(CoreV1Api).createNamespace({ body: { metadata: { name: namespace, labels } } });
  await installation.bindEnvironment(namespace, role);
  const yaml = `{version: 1, environments: {staging: {from: main, namespace: ${namespace}, host: staging.example, bake: 0s}}}`;
  const [env] = parsed(yaml).environments;
  if (env === undefined) throw new Error("the config has an environment");
  return { target: { kind: "env", repoId, environment: "staging" }, env };
}

async function existingDeployment(owner: KubeConfig, namespace: string): Promise<void> {
  const labels = { app: "shop-web" };
  const containers = [{ name: "app", image: `registry.example/acme/shop-web@${digest("9", "00")}` }];
  await KubernetesObjectApi.makeApiClient(owner).create({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop-web", namespace },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  } as Parameters<KubernetesObjectApi["create"]>[0]); // the client's type leaves out `spec`
}

async function discard(walk: Walk, target: Target, owner: KubeConfig): Promise<void> {
  const { state } = await walk.fx.store.load(target);
  for (const { namespace } of Object.values(state?.placements ?? {})) await discardNamespace(owner, namespace);
}

/** Nobody waits for it. */
async function discardNamespace(owner: KubeConfig, name: string): Promise<void> {
  await owner
    .makeApiClient(CoreV1Api)
    .deleteNamespace({ name })
    .catch(() => undefined);
}
