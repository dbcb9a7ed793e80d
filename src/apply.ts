import type { ApplyResult, Kubernetes } from "./adapters/kubernetes.ts";
import type { DeploymentView, Workloads } from "./core/cluster.ts";
import { hash, stable } from "./core/hash.ts";
import { withDigest } from "./core/image.ts";
import type { KubeObject } from "./core/manifests.ts";
import { diffShape } from "./core/manifests-shape.ts";
import { ANNOTATION, asRevision, type Millis, type Revision, type Target, targetId } from "./core/names.ts";
import { OutsideError } from "./core/problem.ts";
import type { Placement, Release, Rollout } from "./core/state.ts";
import type { Log } from "./log.ts";
import { ownership } from "./release.ts";

type Expectation = Rollout["expectations"][number];

/** What became of writing a release to one cluster. */
export type Applied =
  | { readonly kind: "applied"; readonly expectations: readonly Expectation[]; readonly placement: Placement }
  /** A later revision is already there: this worker was late, and nothing failed. */
  | { readonly kind: "superseded"; readonly revision: Revision }
  /** The cluster refused what was sent: quota, admission, a name that is not ours. Repeating changes nothing. */
  | { readonly kind: "refused"; readonly because: string };

interface Application {
  readonly target: Target;
  readonly release: Release;
  /** In no release and in no record: applied each time. */
  readonly secret: KubeObject | null;
  readonly placement: Placement;
  readonly workloads: Workloads | null;
  readonly now: Millis;
}

/** How often a write looks again when somebody was faster. */
const TRIES = 3;

/**
 * Writes a release's objects, the fences first and the workloads last. Safe to repeat after any interruption: what already
 * carries this revision is left as it is, and nothing is written over a later one.
 */
export async function applyRelease(
  { target, release, secret, placement, workloads, now }: Application,
  cluster: Kubernetes,
  log: Log,
): Promise<Applied> {
  const support = release.objects.filter(({ kind }) => kind !== "Deployment");
  const fingerprint = hash(stable(support));
  if (placement.support !== fingerprint) {
    const isNew = placement.support === "";
    const refused = await Promise.all(support.map((object) => applySupport(object, { isNew, cluster, log })));
    const first = refused.find((because) => because !== null);
    if (first !== undefined) return { kind: "refused", because: first };
  }
  if (secret !== null) {
    const refused = await applySupport(secret, { isNew: false, cluster, log });
    if (refused !== null) return { kind: "refused", because: refused };
  }
  const known = new Map(workloads?.deployments.map((deployment) => [deployment.name, deployment]));
  const write: Write = { target, release, cluster, log, now };
  const results = await Promise.all([
    ...release.objects
      .filter(({ kind }) => kind === "Deployment")
      .map((object) => applyDeployment(object, known.get(object.metadata.name), write)),
    ...release.patch.map((workload) => patchExisting(workload, known.get(workload.deployment), write)),
  ]);
  const expectations: Expectation[] = [];
  for (const result of results) {
    if (result.kind !== "written") return result;
    expectations.push(result.expectation);
  }
  return { kind: "applied", expectations, placement: { ...placement, support: fingerprint } };
}

/** null: it stands. In a new namespace a POST is enough; what is there already is applied, which takes a read and a write. */
async function applySupport(
  object: KubeObject,
  { isNew, cluster, log }: { isNew: boolean; cluster: Kubernetes; log: Log },
): Promise<string | null> {
  const name = `${object.kind} ${object.metadata.name}`;
  const fields = { cluster: cluster.cluster, object: name, namespace: object.metadata.namespace };
  log.info("apply", fields);
  const created = isNew ? await post(object, cluster) : null;
  if (created?.kind === "created" || created?.kind === "refused") {
    log.info("applied", { ...fields, result: created.kind });
    return created.kind === "created" ? null : `${name}: ${created.detail}`;
  }
  const result = await cluster.apply(object);
  log.info("applied", { ...fields, result: result.kind });
  switch (result.kind) {
    case "applied":
      return null;
    case "refused":
    case "stale":
      return `${name}: ${result.detail}`;
    case "missing":
      return `${name}: its namespace is gone`;
  }
}

/** What the API server does not take it will not take the next time either: an end of this release, not a failure of the walk. */
export async function post(
  object: KubeObject,
  cluster: Kubernetes,
): Promise<Awaited<ReturnType<Kubernetes["create"]>> | { readonly kind: "refused"; readonly detail: string }> {
  try {
    return await cluster.create(object);
  } catch (error) {
    if (!(error instanceof OutsideError) || error.problem.code !== "invalid") throw error;
    return { kind: "refused", detail: error.problem.detail };
  }
}

interface Write {
  readonly target: Target;
  readonly release: Release;
  readonly cluster: Kubernetes;
  readonly log: Log;
  readonly now: Millis;
}

type Written = { readonly kind: "written"; readonly expectation: Expectation } | Exclude<Applied, { kind: "applied" }>;

/** POST where there is none; a JSON Patch where only the image differs; server-side apply for the rest. */
async function applyDeployment(object: KubeObject, seen: DeploymentView | undefined, write: Write): Promise<Written> {
  const { target, release, cluster } = write;
  const { name, namespace = release.namespace } = object.metadata;
  const service = release.services.find((candidate) => candidate.name === name);
  const image = service === undefined ? "" : withDigest(service.image, service.digest);
  const expected = { service: name, deployment: name, image };
  let live = seen ?? null;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (live === null) {
      const created = await logged(write, "create", name, () => post(object, cluster));
      if (created.kind === "refused") return { kind: "refused", because: `${name}: ${created.detail}` };
      if (created.kind === "created") return written(write, expected, { ...created, changed: true });
      live = await cluster.deployment(namespace, name);
      continue;
    }
    const standing = standingOf(live, write);
    if (standing !== null && standing !== "done") return standing;
    if (standing === "done")
      return written(write, expected, { uid: live.uid, generation: live.generation, changed: true });
    const imageOnly = diffShape(live.annotations, object) === "image-only";
    const container = live.containers.findIndex((candidate) => candidate.name === name);
    const present = live;
    const result = await logged(write, imageOnly ? "patch" : "apply", name, () =>
      imageOnly && container !== -1
        ? cluster.patchImage({
            namespace,
            deployment: name,
            container: name,
            containerIndex: container,
            from: present.containers[container]?.image ?? "",
            image,
            uid: present.uid,
            target: targetId(target),
            revision: revisionOf(present),
            annotations: ownership(release, target, service?.digest ?? ""),
          })
        : cluster.apply(object, { uid: present.uid, resourceVersion: present.resourceVersion }),
    );
    const outcome = settled(write, expected, result);
    if (outcome !== null) return outcome;
    live = await cluster.deployment(namespace, name);
  }
  throw contended(write, name);
}

/** Patch mode: only the image and our annotations of a Deployment that somebody else made. */
async function patchExisting(
  workload: Release["patch"][number],
  seen: DeploymentView | undefined,
  write: Write,
): Promise<Written> {
  const { target, release, cluster } = write;
  const { deployment: name, container, image, service } = workload;
  const digest = release.services.find((candidate) => candidate.name === service)?.digest ?? "";
  let live = seen ?? (await cluster.deployment(release.namespace, name));
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (live === null) {
      return {
        kind: "refused",
        because: `the Deployment ${name} does not exist in ${release.namespace}: create it, or correct deploy.patch in .proa.yml`,
      };
    }
    const owner = live.annotations[ANNOTATION.target];
    const standing = owner === undefined ? null : standingOf(live, write);
    const expected = { service, deployment: name, image };
    if (standing === "done")
      return written(write, expected, { uid: live.uid, generation: live.generation, changed: true });
    if (standing !== null) return standing;
    const index = live.containers.findIndex((candidate) => candidate.name === container);
    const present = live.containers[index];
    if (present === undefined) {
      const names = live.containers.map((candidate) => candidate.name).join(", ");
      return {
        kind: "refused",
        because: `the Deployment ${name} has no container ${container} (it has ${names}): correct deploy.patch in .proa.yml`,
      };
    }
    const patch = {
      namespace: release.namespace,
      deployment: name,
      container,
      containerIndex: index,
      from: present.image,
      image,
      uid: live.uid,
      target: owner === undefined ? null : targetId(target),
      revision: owner === undefined ? null : revisionOf(live),
      annotations: ownership(release, target, digest),
    };
    const result = await logged(write, "patch", name, () => cluster.patchImage(patch));
    const outcome = settled(write, expected, result);
    if (outcome !== null) return outcome;
    live = await cluster.deployment(release.namespace, name);
  }
  throw contended(write, name);
}

/** Whose Deployment it is, and where it stands in our order; null: an earlier revision of ours, to be written over. */
function standingOf(
  live: DeploymentView,
  { target, release }: Write,
): Exclude<Written, { kind: "written" }> | "done" | null {
  const owner = live.annotations[ANNOTATION.target];
  if (owner !== targetId(target)) {
    const by = owner === undefined ? "was not made by Proa" : `belongs to ${owner}`;
    return {
      kind: "refused",
      because: `the Deployment ${live.name} in ${live.namespace} ${by}: rename the service, or remove that Deployment`,
    };
  }
  const revision = revisionOf(live);
  if (revision !== null && revision > release.rev) return { kind: "superseded", revision };
  return revision === release.rev ? "done" : null;
}

export function revisionOf({ annotations }: DeploymentView): Revision | null {
  const revision = Number(annotations[ANNOTATION.revision]);
  return Number.isSafeInteger(revision) && revision > 0 ? asRevision(revision) : null;
}

/** null: the write did not take, look again. */
function settled(
  write: Write,
  expected: Pick<Expectation, "service" | "deployment" | "image">,
  result: ApplyResult,
): Written | null {
  switch (result.kind) {
    case "applied":
      return written(write, expected, result);
    case "refused":
      return { kind: "refused", because: `${expected.deployment}: ${result.detail}` };
    case "stale":
    case "missing":
      return null;
  }
}

function written(
  { release, cluster, now }: Write,
  expected: Pick<Expectation, "service" | "deployment" | "image">,
  { uid, generation, changed }: { uid: string; generation: number; changed: boolean },
): Written {
  const times = { startedAt: now, deadlineAt: now + release.deadlineMs };
  return {
    kind: "written",
    expectation: {
      ...expected,
      ...times,
      uid,
      revision: release.rev,
      generation,
      unchanged: !changed,
      cluster: cluster.cluster,
    },
  };
}

/** Logged before and after. A result nobody knows (a timeout after sending) is not an error here: the caller reads and compares. */
async function logged<T>(
  { release, cluster, log }: Write,
  verb: string,
  name: string,
  call: () => Promise<T>,
): Promise<T | { kind: "stale"; detail: string }> {
  const fields = { cluster: cluster.cluster, deployment: name, namespace: release.namespace, rev: release.rev };
  log.info(verb, fields);
  try {
    const result = await call();
    log.info(`${verb} done`, { ...fields, result: (result as { kind?: string }).kind });
    return result;
  } catch (error) {
    if (!(error instanceof OutsideError) || error.problem.code !== "unknown-result") throw error;
    log.warn(`${verb} has an unknown result`, fields);
    return { kind: "stale", detail: error.problem.detail };
  }
}

const contended = ({ release }: Write, name: string): OutsideError =>
  new OutsideError({
    code: "conflict",
    detail: `${name} in ${release.namespace} changed under every one of ${TRIES} writes of revision ${release.rev}`,
    retryable: true,
  });
