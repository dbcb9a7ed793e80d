import type { KnownTarget } from "./adapters/store.ts";
import { applyRelease, revisionOf } from "./apply.ts";
import type { Workloads } from "./core/cluster.ts";
import type { EnvironmentConfig, RepoConfig } from "./core/config.ts";
import type { Decision, DeployPlan } from "./core/decision.ts";
import { decideEnvironment } from "./core/environment.ts";
import { commandId } from "./core/event-command.ts";
import type { KubeObject } from "./core/manifests.ts";
import { previewNamespace } from "./core/manifests-preview.ts";
import type { CommandMessage, LookMessage, TickMessage } from "./core/message.ts";
import {
  asRevision,
  type Millis,
  type Revision,
  type Sha,
  type Target,
  targetId,
  topicId,
} from "./core/names.ts";
import { decidePreview } from "./core/preview.ts";
import { OutsideError } from "./core/problem.ts";
import { newTarget, type Placement, type Release, type TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { type EnvironmentTarget, gatherEnvironment } from "./gather-environment.ts";
import { gatherPreview, type PreviewTarget } from "./gather-preview.ts";
import { look } from "./look.ts";
import { observe } from "./observe.ts";
import { Conflict, record } from "./record.ts";
import { again, namespaceOf, previewSecret, renderRelease } from "./release.ts";
import { removePreview } from "./remove.ts";

export type TargetMessage = LookMessage | TickMessage | (CommandMessage & { readonly target: Target });

type Known = KnownTarget & { readonly state: TargetState };

/** A rollout is looked at again this soon after it was written. */
const FIRST_LOOK_MS = 1_000;
const LONGEST_BACKOFF_MS = 5 * 60_000;

/**
 * One target, one step: gather (reads only) → decide (pure) → apply → record. Every known failure of the outside is recorded
 * with a backoff and acknowledged, so a failing target never blocks its own message group; what is thrown is a bug or a
 * dead process, and the queue tries the message again.
 */
export async function reconcile(message: TargetMessage, fx: Effects): Promise<void> {
  const known = await load(message, fx);
  if (known === null) return;
  try {
    await step(message, known, fx);
  } catch (error) {
    if (error instanceof Conflict) {
      fx.log.info("another worker was faster", { target: targetId(message.target) });
      return;
    }
    if (!(error instanceof OutsideError)) throw error;
    await recordFailure(message, error, fx);
  }
}

/** The record with its commands; null: nothing to do for this message. */
async function load(message: TargetMessage, fx: Effects): Promise<Known | null> {
  const { target } = message;
  if (message.kind === "command") await fx.store.putCommand(target, commandId(message), message.command);
  const known = await fx.store.load(target);
  const state = known.state ?? (message.kind === "tick" ? null : newTarget(target, message.installation, message.repo));
  if (state === null) return null;
  const current =
    message.kind === "tick" ? state : { ...state, installation: message.installation, repo: message.repo };
  if (known.commands.length > 0) return { ...known, state: current };
  const stale = message.kind === "tick" ? message.n !== state.wake?.n : isOld(message, state);
  return stale ? null : { ...known, state: current };
}

/** The world was read after this event happened, and what the event spoke of was seen: reading again would show the same. */
function isOld(message: Exclude<TargetMessage, TickMessage>, state: TargetState): boolean {
  const spokeOf = message.kind === "look" ? message.sha : null;
  return message.receivedAt < state.gatheredAt && (spokeOf === null || spokeOf === state.seen?.head);
}

async function step(message: TargetMessage, known: Known, fx: Effects): Promise<void> {
  const { state } = known;
  if (state.phase === "removing" && state.tombstone !== null && message.kind === "tick")
    return removePreview(known, fx);
  if (state.rollout !== null && message.kind === "tick") {
    if (state.rollout.step === "applying") return resume(known, fx);
    return watch(known, null, fx);
  }
  const { target } = message;
  return target.kind === "preview" ? stepPreview(message, target, known, fx) : stepEnvironment(target, known, fx);
}

async function stepPreview(message: TargetMessage, target: PreviewTarget, known: Known, fx: Effects): Promise<void> {
  const hinted = message.kind === "look" ? message.sha : null;
  const hintedAt = message.kind === "tick" ? 0 : message.receivedAt;
  const gathered = await gatherPreview(target, { state: known.state, known, hinted, hintedAt }, fx);
  const decision = decidePreview(gathered.seen);
  const { config } = gathered.seen;
  const { held, queue } = gathered.slots;
  const n = target.number;
  const slots = {
    keep: null,
    take:
      gathered.seen.slot.kind === "full"
        ? { held, queue: [...new Set([...queue, n])] }
        : { held: [...new Set([...held, n])], queue: queue.filter((other) => other !== n) },
    leave: { held: held.filter((other) => other !== n), queue: queue.filter((other) => other !== n) },
  }[decision.slot];
  const changed = slots !== null && (slots.held.length !== held.length || slots.queue.length !== queue.length);
  await perform(decision, known, fx, {
    config: "config" in config ? config.config : null,
    env: null,
    workloads: gathered.workloads,
    ledger: gathered.seen.images,
    ...(changed ? { slots: { before: gathered.slots, ...slots } } : {}),
  });
}

async function stepEnvironment(target: EnvironmentTarget, known: Known, fx: Effects): Promise<void> {
  const seen = await gatherEnvironment(target, { state: known.state, known }, fx);
  const decision = decideEnvironment(seen);
  const candidates = seen.source.kind === "candidates" ? seen.source.candidates : [];
  await perform(decision, known, fx, {
    config: "config" in seen.config ? seen.config.config : null,
    env: seen.env,
    workloads: null,
    ledger: candidates.flatMap(({ images }) => images),
  });
}

interface Context {
  readonly config: RepoConfig | null;
  readonly env: EnvironmentConfig | null;
  /** null: not read yet. */
  readonly workloads: Workloads | null;
  readonly ledger: Parameters<typeof decidePreview>[0]["images"];
  readonly slots?: Parameters<Effects["store"]["save"]>[0]["slots"] & object;
}

/** Writes the decision down, then does it. */
async function perform(decision: Decision, known: Known, fx: Effects, context: Context): Promise<void> {
  const now = fx.clock.now();
  const next: TargetState = { ...decision.next, gatheredAt: now, failures: 0 };
  const extra = {
    applied: decision.applied.map(({ id, at }) => ({ id, at })),
    holds: decision.holds,
    waiting: waiting(known.state, next, decision),
    digests: context.ledger.flatMap(({ image, tag, found }) =>
      found.kind === "digest" && tag !== "" ? [{ image, tag, digest: found.digest }] : [],
    ),
    ...(context.slots ? { slots: context.slots } : {}),
  };
  switch (decision.act.kind) {
    case "none": {
      await record(known, next, decision.wakeInMs, fx, extra);
      if (context.slots && decision.slot === "leave") await nextInQueue(context.slots.queue, next, fx);
      return;
    }
    case "observe": {
      // The rollout's own next look stays due; only what this gather learned is written.
      const saved = await record(known, next, FIRST_LOOK_MS, fx, extra);
      if (saved.state.rollout?.step === "applying") await resume(saved, fx);
      return;
    }
    case "remove": {
      const saved = await record(known, next, decision.wakeInMs, fx, extra);
      return removePreview(saved, fx);
    }
    case "deploy":
      return deploy(decision.act.plan, { ...known, state: next }, fx, { ...context, extra });
  }
}

/** Claims a revision in one transaction, then writes the release. From the claim on, a crash anywhere is resumed. */
async function deploy(
  plan: DeployPlan,
  known: Known,
  fx: Effects,
  context: Context & { readonly extra: Parameters<typeof record>[4] },
): Promise<void> {
  const { state } = known;
  const now = fx.clock.now();
  const rev = asRevision(Math.max(state.rev, highest(context.workloads)) + 1);
  const rendered = await releaseFor({ plan, state, rev, now, config: context.config, env: context.env }, fx);
  if (rendered.kind === "refused") {
    await record(
      known,
      { ...state, phase: "blocked", because: rendered.because },
      LONGEST_BACKOFF_MS,
      fx,
      context.extra,
    );
    return;
  }
  const { release } = rendered;
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
  const claimed = await record(
    known,
    { ...state, rev, rollout, shown: [...state.shown, rev].slice(-20) },
    FIRST_LOOK_MS,
    fx,
    { ...context.extra, release },
  );
  await apply(claimed, { release, secret: rendered.secret, workloads: context.workloads }, fx);
}

async function releaseFor(
  input: {
    plan: DeployPlan;
    state: TargetState;
    rev: Revision;
    now: Millis;
    config: RepoConfig | null;
    env: EnvironmentConfig | null;
  },
  fx: Effects,
) {
  const { plan, state, rev, now, config, env } = input;
  if (plan.of !== null) {
    const earlier = await fx.store.release(state.target, asRevision(plan.of));
    if (earlier === null) return { kind: "refused", because: `the release ${plan.of} is not in the store` } as const;
    return { kind: "release", release: again(earlier, { rev, plan, now }), secret: null } as const;
  }
  if (config === null) return { kind: "refused", because: ".proa.yml cannot be read" } as const;
  const { secrets } = config.previews;
  const copied = await previewSecret(state.target, { secrets, namespace: namespaceOf(state, env) }, fx);
  if (copied.kind === "refused") return copied;
  const release = renderRelease({ ...input, config, secret: copied.mount }, fx);
  return { kind: "release", release, secret: copied.secret } as const;
}

/** Deploying was interrupted between the claim and the record: go on from what the cluster shows. */
async function resume(known: Known, fx: Effects): Promise<void> {
  const { rollout, target } = known.state;
  if (rollout === null) return;
  const release = await fx.store.release(target, rollout.rev);
  if (release === null) throw new Error(`${targetId(target)}: revision ${rollout.rev} was claimed without its release`);
  // Interrupted: the Secret is copied once more, as it is now.
  const copied = await previewSecret(target, release, fx);
  if (copied.kind === "refused") return refused(known, release, copied.because, fx);
  await apply(await standing(known, fx), { release, secret: copied.secret, workloads: null }, fx);
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
  /** null: not read yet. */
  readonly workloads: Workloads | null;
}

async function apply(known: Known, { release, secret, workloads }: Application, fx: Effects): Promise<void> {
  const { target } = known.state;
  let at = known;
  const expectations = [];
  for (const name of release.clusters) {
    const cluster = fx.clusters.get(name);
    if (cluster === undefined)
      throw new OutsideError({ code: "invalid", detail: `there is no cluster ${name}`, retryable: false });
    const placed = await place(at, release, name, fx);
    at = placed.known;
    if (placed.placement === null) return;
    const result = await applyRelease(
      { target, release, secret, placement: placed.placement, workloads, now: fx.clock.now() },
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

/** Observes, and does what follows from it: the rollback at once, in the same walk that wrote the hold. */
async function watch(known: Known, given: Parameters<typeof observe>[1], fx: Effects): Promise<void> {
  const after = await observe(known, given, fx);
  if (after.rollback === null) return;
  await deploy(after.rollback, after.known, fx, { config: null, env: null, workloads: null, ledger: [], extra: {} });
}

/**
 * The namespace a release goes to. A preview's is made here, and its uid recorded before anything else goes in: that uid is all
 * that will ever be deleted. `placement: null`: it is still being deleted from before; look again.
 */
async function place(
  known: Known,
  release: Release,
  clusterName: string,
  fx: Effects,
): Promise<{ known: Known; placement: Placement | null }> {
  const { state } = known;
  const { target } = state;
  const present = state.placements[clusterName];
  if (present !== undefined || target.kind === "env")
    return { known, placement: present ?? { namespace: release.namespace, uid: "", support: "" } };
  const cluster = fx.clusters.get(clusterName);
  if (cluster === undefined)
    throw new OutsideError({ code: "invalid", detail: `there is no cluster ${clusterName}`, retryable: false });
  const { namespace } = release;
  const object = previewNamespace({ templates: fx.templates, target, namespace });
  fx.log.info("create namespace", { namespace, cluster: clusterName, target: targetId(target) });
  const created = await cluster.create(object);
  // `exists`: made by an attempt that died before recording it. decidePreview has seen that its labels are ours.
  const uid = created.kind === "created" ? created.uid : ((await cluster.namespace(namespace))?.uid ?? null);
  if (uid === null)
    throw new OutsideError({ code: "conflict", detail: `the namespace ${namespace} came and went`, retryable: true });
  const placement: Placement = { namespace, uid, support: "" };
  const saved = await record(
    known,
    { ...state, placements: { ...state.placements, [clusterName]: placement } },
    FIRST_LOOK_MS,
    fx,
  );
  return { known: saved, placement };
}

/** Who waits for the wanted commit and for images: a check or a push that names only those finds this target by them. */
function waiting(before: TargetState, next: TargetState, decision: Decision): { on: string[]; off: string[] } {
  const { repoId } = next.target;
  const commit = (sha: Sha) => topicId({ kind: "commit", repoId, sha });
  const on = [
    ...(next.wanted === null ? [] : [commit(next.wanted.sha)]),
    ...decision.awaitedImages.map(({ image, tag }) =>
      topicId({ kind: "image", repository: image.slice(image.indexOf("/") + 1), tag }),
    ),
  ];
  const off = before.wanted !== null && before.wanted.sha !== next.wanted?.sha ? [commit(before.wanted.sha)] : [];
  return { on, off };
}

async function nextInQueue(
  queue: readonly number[],
  { target, installation, repo }: TargetState,
  fx: Effects,
): Promise<void> {
  const [first] = queue;
  if (first === undefined) return;
  const other: Target = { kind: "preview", repoId: target.repoId, number: first };
  await look(other, { installation, repo, because: "a preview slot is free" }, fx);
}

const highest = (workloads: Workloads | null): number =>
  Math.max(0, ...(workloads?.deployments ?? []).map((deployment) => revisionOf(deployment) ?? 0));

/** The outside failed: say so in the record, come back later, and later still the next time. */
async function recordFailure(message: TargetMessage, error: OutsideError, fx: Effects): Promise<void> {
  const known = await fx.store.load(message.target);
  const state =
    known.state ?? (message.kind === "tick" ? null : newTarget(message.target, message.installation, message.repo));
  if (state === null) return;
  const failures = state.failures + 1;
  const backoff = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(failures, 9));
  const wakeInMs = Math.max(backoff, error.problem.retryAfterMs ?? 0);
  fx.log.warn("walk failed, will look again", {
    target: targetId(message.target),
    code: error.problem.code,
    detail: error.problem.detail,
    failures,
    wakeInMs,
  });
  try {
    await record(known, { ...state, failures }, wakeInMs, fx);
  } catch (conflict) {
    if (!(conflict instanceof Conflict)) throw conflict;
  }
}
