import { bindAccess, ifAllowed } from "./access.ts";
import type { Kubernetes } from "./adapters/kubernetes.ts";
import { applyRelease, post, revisionOf } from "./apply.ts";
import type { Workloads } from "./core/cluster.ts";
import type { EnvironmentConfig, RepoConfig } from "./core/config.ts";
import type { DeployPlan } from "./core/decision.ts";
import type { KubeObject } from "./core/manifests.ts";
import { previewNamespace } from "./core/manifests-preview.ts";
import { asRevision, type Millis, type Revision, targetId } from "./core/names.ts";
import { OutsideError } from "./core/problem.ts";
import type { Placement, Release, TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { isOurs, type PreviewTarget } from "./gather-preview.ts";
import { observe } from "./observe.ts";
import { claim, type Known, record } from "./record.ts";
import { again, namespaceOf, previewSecret, renderRelease } from "./release.ts";
import { readWorkloads } from "./workloads.ts";

/** A rollout is looked at again this soon after it was written. */
export const FIRST_LOOK_MS = 1_000;
const REFUSED_MS = 5 * 60_000;
/** Below the 400 KB that an item of the table may have (`adapters/table-limits.ts`), with room for the rest of the release. */
const MOST_RELEASE_KILOBYTES = 360;

/** What the gather has read already. */
export interface DeployContext {
  readonly config: RepoConfig | null;
  readonly env: EnvironmentConfig | null;
  /** By cluster; null: not read yet. */
  readonly workloads: ReadonlyMap<string, Workloads> | null;
  /** What else the claim's transaction writes. */
  readonly extra: Parameters<typeof record>[4];
}

/** Claims a revision in one transaction, then writes the release. From the claim on, a crash anywhere is resumed. */
export async function deploy(plan: DeployPlan, known: Known, fx: Effects, context: DeployContext): Promise<void> {
  const { state } = known;
  const work = () => prepare(plan, state, context, fx);
  // A rollback is not given up for want of a right: it is tried again until it is done.
  const prepared = plan.of === null ? await ifAllowed(state.target, work) : await work();
  if (prepared.kind === "refused") {
    await record(known, { ...state, phase: "blocked", because: prepared.because }, REFUSED_MS, fx, context.extra);
    return;
  }
  const { release, secret, workloads } = prepared;
  const { rev, createdAt: now } = release;
  const rollout = {
    rev,
    kind: release.kind,
    sha: release.sha,
    step: "applying" as const,
    startedAt: now,
    deadlineAt: now + release.deadlineMs,
    bakeUntil: null,
    expectations: [],
    restarts: {},
  };
  const { saved, wakeUp } = await claim(
    known,
    { ...state, rev, rollout, shown: [...state.shown, rev].slice(-20) },
    FIRST_LOOK_MS,
    fx,
    { ...context.extra, release },
  );
  // Side by side: a wake-up call that is lost is made up for by the overdue sweep, as one lost to a crash is.
  const [applied, woken] = await Promise.allSettled([apply(saved, { release, secret, workloads }, fx), wakeUp()]);
  for (const outcome of [applied, woken]) if (outcome.status === "rejected") throw outcome.reason;
}

/** Reads what stands, and renders the release that comes after it. */
async function prepare(plan: DeployPlan, state: TargetState, context: DeployContext, fx: Effects) {
  const earlier = plan.of === null ? null : await fx.store.release(state.target, asRevision(plan.of));
  const workloads = context.workloads ?? (await standingWorkloads(state, context, earlier, fx));
  const now = fx.clock.now();
  const rev = asRevision(Math.max(state.rev, ...[...workloads.values()].flatMap(revisions)) + 1);
  const { config, env } = context;
  const rendered = await releaseFor({ plan, state, rev, now, config, env, earlier }, fx);
  return rendered.kind === "refused" ? rendered : { ...rendered, workloads };
}

async function releaseFor(
  input: Pick<DeployContext, "config" | "env"> & {
    readonly plan: DeployPlan;
    readonly state: TargetState;
    readonly rev: Revision;
    readonly now: Millis;
    readonly earlier: Release | null;
  },
  fx: Effects,
) {
  const { plan, state, rev, now, config, env, earlier } = input;
  if (plan.of !== null) {
    if (earlier === null) return { kind: "refused", because: `the release ${plan.of} is not in the store` } as const;
    return { kind: "release", release: again(earlier, { rev, plan, now }), secret: null } as const;
  }
  if (config === null) return { kind: "refused", because: ".proa.yml cannot be read" } as const;
  const { secrets } = config.previews;
  const copied = await previewSecret(state.target, { secrets, namespace: namespaceOf(state, env) }, fx);
  if (copied.kind === "refused") return copied;
  const release = renderRelease({ ...input, config, secret: copied.mount }, fx);
  const because = tooLarge(release);
  if (because !== null) return { kind: "refused", because } as const;
  return { kind: "release", release, secret: copied.secret } as const;
}

/** A release is kept whole, so that it can be gone back to. */
function tooLarge({ objects }: Release): string | null {
  const kilobytes = Math.ceil(Buffer.byteLength(JSON.stringify(objects)) / 1024);
  return kilobytes <= MOST_RELEASE_KILOBYTES
    ? null
    : `its Kubernetes objects are ${kilobytes} KB, and Proa keeps releases of up to ${MOST_RELEASE_KILOBYTES} KB: divide it into several repositories, or move long \`env\` values into a Secret`;
}

/** Deploying was interrupted between the claim and the record: go on from what the cluster shows. */
export async function resume(known: Known, fx: Effects): Promise<void> {
  const { rollout, target } = known.state;
  if (rollout === null) return;
  const release = await fx.store.release(target, rollout.rev);
  if (release === null) throw new Error(`${targetId(target)}: revision ${rollout.rev} was claimed without its release`);
  // Interrupted: the Secret is copied once more, as it is now.
  const copied = await previewSecret(target, release, fx);
  if (copied.kind === "refused") return refused(known, release, copied.because, fx);
  await apply(await standing(known, fx), { release, secret: copied.secret, workloads: new Map() }, fx);
}

/** Without the places whose namespace was deleted meanwhile: they are made again. */
async function standing(known: Known, fx: Effects): Promise<Known> {
  if (known.state.target.kind === "env") return known;
  const present = await Promise.all(
    Object.entries(known.state.placements).map(async ([name, placement]) => {
      const namespace = await fx.clusters.get(name)?.namespace(placement.namespace);
      return namespace?.uid === placement.uid ? [[name, placement] as const] : [];
    }),
  );
  return { ...known, state: { ...known.state, placements: Object.fromEntries(present.flat()) } };
}

interface Application {
  readonly release: Release;
  readonly secret: KubeObject | null;
  /** By cluster, as far as they were read: a write that finds something else looks for itself. */
  readonly workloads: ReadonlyMap<string, Workloads>;
}

async function apply(known: Known, { release, secret, workloads }: Application, fx: Effects): Promise<void> {
  const { target } = known.state;
  let at = known;
  const expectations = [];
  for (const name of release.clusters) {
    const cluster = fx.clusters.get(name);
    if (cluster === undefined)
      throw new OutsideError({ code: "invalid", detail: `there is no cluster ${name}`, retryable: false });
    const placed = await place(at, release, cluster, fx);
    if (placed.kind === "refused") return refused(at, release, placed.because, fx);
    at = placed.known;
    const result = await applyRelease(
      {
        target,
        release,
        secret,
        placement: placed.placement,
        workloads: workloads.get(name) ?? null,
        now: fx.clock.now(),
      },
      cluster,
      fx.log,
    );
    if (result.kind === "superseded") {
      await record(
        at,
        { ...at.state, rollout: null, rev: result.revision, because: `revision ${result.revision} is already there` },
        FIRST_LOOK_MS,
        fx,
      );
      return;
    }
    if (result.kind === "refused") return refused(at, release, result.because, fx);
    expectations.push(...result.expectations);
    at = { ...at, state: { ...at.state, placements: { ...at.state.placements, [name]: result.placement } } };
  }
  const { rollout } = at.state;
  if (rollout === null) return;
  await record(at, { ...at.state, rollout: { ...rollout, step: "observing", expectations } }, FIRST_LOOK_MS, fx);
}

/** A refused write is a failed rollout: judged and rolled back like one, with the API server's own words. */
async function refused(known: Known, release: Release, because: string, fx: Effects): Promise<void> {
  await watch(known, { release, judgement: { kind: "failed", because, fault: "application", timedOut: false } }, fx);
}

/** Observes, and does what follows from it: the rollback at once, claimed in the transaction that writes the hold. */
export async function watch(known: Known, given: Parameters<typeof observe>[1], fx: Effects): Promise<void> {
  const { state } = known;
  // It may wait because its Deployments are gone with their namespace: a preview is made again.
  if (given === null && state.phase !== "rolling" && state.phase !== "baking") {
    const { placements } = (await standing(known, fx)).state;
    if (Object.keys(placements).length < Object.keys(state.placements).length) {
      await record(known, { ...state, placements, rollout: null, live: null, url: null }, 0, fx);
      return;
    }
  }
  const rollback = await observe(known, given, fx);
  if (rollback === null) return;
  const extra = { holds: { put: rollback.holds, remove: [] } };
  await deploy(rollback.plan, rollback.known, fx, { config: null, env: null, workloads: null, extra });
}

type Placed =
  | { readonly kind: "placed"; readonly known: Known; readonly placement: Placement }
  | { readonly kind: "refused"; readonly because: string };

/**
 * The namespace a release goes to. A preview's is made here, and its uid recorded before anything else goes in: that uid is all
 * that will ever be deleted. Then Proa gives itself its rights there.
 */
async function place(known: Known, release: Release, cluster: Kubernetes, fx: Effects): Promise<Placed> {
  const { state } = known;
  const { target } = state;
  const { namespace } = release;
  const present = state.placements[cluster.cluster];
  if (target.kind === "env")
    return { kind: "placed", known, placement: present ?? { namespace, uid: "", support: "" } };
  if (present !== undefined) {
    // Nothing went in yet: whoever made it may have died before binding.
    if (present.support === "") await bindAccess(target, present.namespace, cluster, fx);
    return { kind: "placed", known, placement: present };
  }
  const object = previewNamespace({ templates: fx.templates, target, namespace });
  fx.log.info("create namespace", { namespace, cluster: cluster.cluster, target: targetId(target) });
  const created = await post(object, cluster);
  if (created.kind === "refused") return { kind: "refused", because: `the namespace ${namespace}: ${created.detail}` };
  const uid = created.kind === "created" ? created.uid : await ownUid(cluster, namespace, target);
  const placement: Placement = { namespace, uid, support: "" };
  const placements = { ...state.placements, [cluster.cluster]: placement };
  const saved = await record(known, { ...state, placements }, FIRST_LOOK_MS, fx);
  await bindAccess(target, namespace, cluster, fx);
  return { kind: "placed", known: saved, placement };
}

/** It exists: made by an attempt of ours that died before recording it. Anybody else's is not ours to take, nor to delete later. */
async function ownUid(cluster: Kubernetes, name: string, target: PreviewTarget): Promise<string> {
  const namespace = await cluster.namespace(name);
  if (namespace !== null && namespace.deletedAt === null && isOurs(namespace, target)) return namespace.uid;
  const detail =
    namespace === null
      ? `the namespace ${name} came and went`
      : `the namespace ${name} was made by somebody else meanwhile`;
  throw new OutsideError({ code: "conflict", detail, retryable: true });
}

/** What an environment runs now: whose revision is the highest, and what a write can be fenced by. */
async function standingWorkloads(
  state: TargetState,
  { env, config }: Pick<DeployContext, "env" | "config">,
  earlier: Release | null,
  fx: Effects,
): Promise<Map<string, Workloads>> {
  if (state.target.kind === "preview") return new Map();
  const namespace = earlier?.namespace ?? env?.namespace ?? "";
  const clusters = earlier?.clusters ?? env?.clusters ?? [];
  const patch = config?.deploy.kind === "patch" ? Object.values(config.deploy.workloads) : (earlier?.patch ?? []);
  return readWorkloads({ namespace, clusters, patch }, fx);
}

const revisions = ({ deployments }: Workloads): number[] =>
  deployments.map((deployment) => revisionOf(deployment) ?? 0);
