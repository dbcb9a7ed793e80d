import { createSign } from "node:crypto";
import { AppsV1Api, CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { parse, stringify } from "yaml";
import { shopFiles } from "../../local/seed/shop.ts";
import type { Delivery } from "../../local/github/server.ts";
import type { GitHub } from "../../src/adapters/github.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { parseRepoId, type Target } from "../../src/core/names.ts";
import type { TargetState } from "../../src/core/state.ts";
import type { Effects } from "../../src/effects.ts";
import type { Journey } from "./harness.ts";

type Yaml = Record<string, unknown>;

/**
 * The shop's `.proa.yml` with some of it changed: maps are merged, `null` takes a key out, everything else replaces.
 * @param apart as in `Journey`
 */
export function shopConfig(change: Yaml, apart = ""): string {
  return stringify(merged(parse(shopFiles(apart)[".proa.yml"] ?? "") as Yaml, change), {
    aliasDuplicateObjects: false,
  });
}

function merged(into: Yaml, change: Yaml): Yaml {
  const result = { ...into };
  for (const [key, value] of Object.entries(change)) {
    const before = result[key];
    if (value === null) delete result[key];
    else result[key] = isMap(before) && isMap(value) ? merged(before, value) : value;
  }
  return result;
}

const isMap = (value: unknown): value is Yaml => typeof value === "object" && value !== null && !Array.isArray(value);

/** For stories about environments: pull requests there only to be merged, and to be commented on. */
export const NO_PREVIEWS = { previews: { when: { label: "preview" } } } as const;
/** And only one of them, which is not watched for long. */
export const STAGING_ALONE = { ...NO_PREVIEWS, environments: { staging: { bake: "0s" }, production: null } } as const;

/** Puts a changed `.proa.yml` on `main` and waits until what follows from that push is over. */
export async function configure(journey: Journey, change: Yaml): Promise<string> {
  const sha = await journey.person.push("main", { ".proa.yml": shopConfig(change, journey.apart) });
  await journey.until(
    async () => (await journey.checkRun(sha, "test"))?.status === "completed",
    "the changed config is tested",
  );
  await journey.quiet();
  return sha;
}

/** Calls of the cluster that a test answers itself; the others go through. */
export const onCluster =
  (change: (cluster: Kubernetes) => Partial<Kubernetes>) =>
  (fx: Effects): Effects => ({
    ...fx,
    clusters: new Map([...fx.clusters].map(([name, cluster]) => [name, { ...cluster, ...change(cluster) }])),
  });

/** Calls of GitHub that a test answers itself. */
export const onGitHub =
  (change: (github: GitHub) => Partial<GitHub>) =>
  (fx: Effects): Effects => ({
    ...fx,
    github: {
      ...fx.github,
      installation(id) {
        const github = fx.github.installation(id);
        return { ...github, ...change(github) };
      },
    },
  });

/** A process that dies: no outside failure, so nothing is recorded, and the queue hands the message out again. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** A point in a call at which the test can hold it. */
export interface Gate {
  /** Called where it shall be held, as often as wanted: only the first call waits. */
  pass(): Promise<void>;
  /** Someone waits at it. */
  readonly reached: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: opened.resolve,
    pass() {
      reached.resolve();
      return opened.promise;
    },
  };
}

export const isEvent = ({ event, action }: Delivery, name: string): boolean =>
  name === (action === null ? event : `${event}.${action}`);

export function kubectl({ world }: Journey): { core: CoreV1Api; apps: AppsV1Api } {
  const config = new KubeConfig();
  config.loadFromString(world.cluster.kubeconfig("admin"));
  return { core: config.makeApiClient(CoreV1Api), apps: config.makeApiClient(AppsV1Api) };
}

/** `kubectl set image`, as its field manager does it. */
export async function setImage(journey: Journey, namespace: string, name: string, image: string): Promise<void> {
  const body = { spec: { template: { spec: { containers: [{ name, image }] } } } };
  const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
  await kubectl(journey).apps.patchNamespacedDeployment(
    { name, namespace, body, fieldManager: "kubectl-set" },
    options,
  );
}

export function environment(journey: Journey, name: string): Target {
  return { kind: "env", repoId: repoId(journey), environment: name };
}

function repoId({ id }: Journey) {
  const parsed = parseRepoId(id);
  if (parsed === null) throw new Error(`${id} is not a repository's number`);
  return parsed;
}

/** The record, for what no surface shows: revisions, what is waited for. */
export async function recordOf(journey: Journey, target: Target): Promise<TargetState> {
  const { state } = await journey.world.store.load(target);
  if (state === null) throw new Error("there is no record");
  return state;
}

/** Where the preview of one of the shop's pull requests lives. */
export const previewNamespace = (number: number): string => `acme-shop-pr-${number}`;

/** Waits until the one comment on the pull request says this. */
export async function commentSays(journey: Journey, number: number, text: string): Promise<string> {
  return journey.until(async () => {
    const comment = await journey.comment(number);
    return comment?.includes(text) ? comment : null;
  }, `the comment on #${number} says "${text}"`);
}

/** Waits until the commit's status of that context is in that state; answers what it says. */
export async function statusIs(journey: Journey, sha: string, context: string, state: string): Promise<string> {
  return journey.until(
    async () => {
      const status = await journey.status(sha, context);
      return status?.state === state ? status.description : null;
    },
    `${context} of ${sha.slice(0, 7)} is ${state}`,
  );
}

/** Waits until the commit is live there. */
export const live = (journey: Journey, sha: string, environment: string): Promise<string> =>
  statusIs(journey, sha, `proa/${environment}`, "success");

export const short = (sha: string): string => sha.slice(0, 7);

/** Puts something into a namespace that keeps it Terminating until the answered function is called. */
export async function holdBack(journey: Journey, namespace: string): Promise<() => Promise<void>> {
  const { core } = kubectl(journey);
  const name = "held-back";
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name, finalizers: ["example.com/backup"] } } });
  return async () => {
    const held = await core.readNamespacedConfigMap({ namespace, name });
    if (held.metadata) held.metadata.finalizers = [];
    await core.replaceNamespacedConfigMap({ namespace, name, body: held });
  };
}

const APP_ID = 1001;

/** What an owner of the account does on the installation's page; the API leaves it to the App itself. */
export async function setSuspended({ world }: Journey, suspended: boolean): Promise<void> {
  const now = Math.floor(world.clock.nowMs() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iss: `${APP_ID}`, iat: now - 60, exp: now + 300 })}`;
  const signature = createSign("RSA-SHA256").update(claims).sign(world.secrets.appKey, "base64url");
  const { status } = await fetch(`${world.url}/api/v3/app/installations/${world.repo.installation}/suspended`, {
    method: suspended ? "PUT" : "DELETE",
    headers: { authorization: `Bearer ${claims}.${signature}` },
  });
  if (status !== 204)
    throw new Error(`the installation could not be ${suspended ? "suspended" : "resumed"}: ${status}`);
}
