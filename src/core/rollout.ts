import type { Condition, DeploymentView, PodView, ReplicaSetView, Workloads } from "./cluster.ts";
import { ANNOTATION, type Millis, type Revision } from "./names.ts";
import { containersOf, isActive, isPullFailure, podDoom, type Evidence } from "./rollout-doom.ts";

/** One service's rollout as we started it: what the cluster must show before it is done. */
export interface RolloutExpectation {
  readonly service: string;
  readonly deployment: string;
  /** uid when we wrote it: a Deployment deleted and made again by hand is not ours to judge. */
  readonly uid: string;
  readonly revision: Revision;
  /** `metadata.generation` that our write returned. */
  readonly generation: number;
  /** The image our write asked for, `name@sha256:…`. */
  readonly image: string;
  readonly startedAt: Millis;
  readonly deadlineAt: Millis;
  /** The write changed nothing (same image): an old ProgressDeadlineExceeded may still stand in the status. */
  readonly unchanged: boolean;
}

/** The judgement of one service; `because` is what a person reads. */
export type Judgement =
  | { readonly kind: "progressing"; readonly because: string }
  | { readonly kind: "healthy"; readonly because: string }
  /** Zero replicas asked for: accepted, but nothing runs, so never plain success. */
  | { readonly kind: "empty"; readonly because: string }
  /** Paused, or gone: only a person can move it. */
  | { readonly kind: "blocked"; readonly because: string }
  /** Someone wrote a later revision: stop watching, nothing failed. */
  | { readonly kind: "superseded"; readonly because: string }
  /** What runs is not what we wrote (undo, set image, an older revision): report and hold, do not fight. */
  | { readonly kind: "drift"; readonly because: string }
  | {
      readonly kind: "failed";
      readonly because: string;
      readonly fault: "application" | "infrastructure";
      readonly timedOut: boolean;
    };

export type JudgeRollout = (
  expected: RolloutExpectation,
  live: Workloads,
  now: Millis,
  evidence?: Evidence,
) => Judgement;

/**
 * Judges what the cluster shows against what one write of ours asked for. Order matters: first whether this is still our rollout at
 * all, then what stops it for good, then kubectl's counters, and only a rollout that is merely slow can run out of time.
 */
export const judgeRollout: JudgeRollout = (expected, live, now, evidence) => {
  const standing = ours(expected, live);
  if ("kind" in standing) return standing;
  const { deployment } = standing;
  if (deployment.status.observedGeneration < expected.generation) {
    const because = "the change is not observed yet";
    if (now < expected.deadlineAt) return { kind: "progressing", because };
    const late = "the cluster's deployment controller has not looked at the change";
    return { kind: "failed", because: late, fault: "infrastructure", timedOut: true };
  }
  if (deployment.paused) return { kind: "blocked", because: "paused: run `kubectl rollout resume` to go on" };
  const newest = newestReplicaSet(expected, deployment, live);
  const stopped = refusedPods(deployment, newest, now) ?? doomed(activePods(newest, live), now, evidence);
  if (stopped !== null) return stopped;
  if (missedProgress(expected, deployment)) {
    const because = `no progress for ${deployment.progressDeadlineSeconds ?? 600} s: ${counters(deployment).because}`;
    return { kind: "failed", because, fault: "application", timedOut: true };
  }
  const judged = counters(deployment);
  if (judged.kind !== "progressing" || now < expected.deadlineAt) return judged;
  return { kind: "failed", because: `not done in time: ${judged.because}`, fault: "application", timedOut: true };
};

/** Several services of one target: the most telling judgement speaks, and names who it is about. */
export function summarize(judged: readonly { readonly service: string; readonly judgement: Judgement }[]): Judgement {
  const kinds: readonly Judgement["kind"][] = ["superseded", "drift", "failed", "blocked", "progressing", "empty"];
  const kind = kinds.find((candidate) => judged.some(({ judgement }) => judgement.kind === candidate)) ?? "healthy";
  const telling = judged.filter(({ judgement }) => judgement.kind === kind);
  const because = telling.map(({ service, judgement }) => `${service}: ${judgement.because}`).join("; ");
  if (kind !== "failed") return { kind, because };
  const failures = telling.map(({ judgement }) => judgement).filter((judgement) => judgement.kind === "failed");
  return {
    kind,
    because,
    fault: failures.some((failure) => failure.fault === "application") ? "application" : "infrastructure",
    timedOut: failures.every((failure) => failure.timedOut),
  };
}

/** What to ask elsewhere before a judgement is final: a full cluster may be growing, a failing pull may be a missing image. */
export function evidenceWanted(expected: RolloutExpectation, live: Workloads, now: Millis): ("events" | "registry")[] {
  const deployment = live.deployments.find((candidate) => candidate.uid === expected.uid);
  if (deployment === undefined) return [];
  const pods = activePods(newestReplicaSet(expected, deployment, live), live);
  const pulling = pods.some((pod) =>
    containersOf(pod).some(([{ state }]) => state.kind === "waiting" && isPullFailure(state.reason)),
  );
  const homeless = pods.some((pod) => podDoom(pod, now)?.kind === "unschedulable");
  return [...(homeless ? (["events"] as const) : []), ...(pulling ? (["registry"] as const) : [])];
}

/** Our Deployment as we wrote it; or, where it no longer is, what became of it. */
export function ours(
  expected: RolloutExpectation,
  live: Workloads,
): { readonly deployment: DeploymentView } | Judgement {
  const deployment = live.deployments.find((candidate) => candidate.name === expected.deployment);
  if (deployment === undefined) return { kind: "blocked", because: `Deployment ${expected.deployment} is gone` };
  if (deployment.uid !== expected.uid) {
    return { kind: "drift", because: `Deployment ${expected.deployment} was deleted and made again` };
  }
  const annotation = deployment.annotations[ANNOTATION.revision];
  const revision = Number(annotation);
  if (annotation === undefined || !Number.isSafeInteger(revision)) {
    return { kind: "drift", because: `${ANNOTATION.revision} was taken off the Deployment` };
  }
  if (revision > expected.revision) return { kind: "superseded", because: `revision ${revision} is newer` };
  if (revision < expected.revision) {
    // `kubectl rollout undo` copies the annotations of the old ReplicaSet back.
    return {
      kind: "drift",
      because: `put back to revision ${revision} by hand, perhaps with \`kubectl rollout undo\``,
    };
  }
  if (!deployment.containers.some((container) => container.image === expected.image)) {
    const by = deployment.foreignManagers.length === 0 ? "" : ` by ${deployment.foreignManagers.join(", ")}`;
    const runs = deployment.containers.map((container) => container.image).join(", ");
    return { kind: "drift", because: `the image was changed${by}: it is ${runs}` };
  }
  return { deployment };
}

/** The ReplicaSet of our revision: the one the controller numbered like the Deployment, else the youngest with our image. */
export function newestReplicaSet(
  expected: RolloutExpectation,
  deployment: DeploymentView,
  live: Workloads,
): ReplicaSetView | null {
  const sets = live.replicaSets.filter((set) => set.ownerUid === deployment.uid && set.images.includes(expected.image));
  const number = deployment.annotations["deployment.kubernetes.io/revision"];
  const numbered = sets.find((set) => number !== undefined && set.revision === number);
  return numbered ?? sets.sort((a, b) => b.createdAt - a.createdAt)[0] ?? null;
}

export const activePods = (set: ReplicaSetView | null, live: Workloads): PodView[] =>
  set === null ? [] : live.pods.filter((pod) => pod.ownerUid === set.uid && isActive(pod));

/** krane's rule: failed before the deadline only when the newest ReplicaSet has pods and every one of them is doomed. */
export function doomed(pods: readonly PodView[], now: Millis, evidence?: Evidence): Judgement | null {
  const dooms = pods.map((pod) => podDoom(pod, now, evidence)).filter((doom) => doom !== null);
  const [first] = dooms;
  if (first === undefined || dooms.length < pods.length) return null;
  return { kind: "failed", because: first.because, fault: first.fault, timedOut: false };
}

/** kubectl's own order and meaning (`kubectl rollout status`, polymorphichelpers/rollout_status.go). */
export function counters(deployment: DeploymentView): Judgement {
  const { replicas, status, strategy } = deployment;
  const progressing = (because: string): Judgement => ({ kind: "progressing", because });
  if (status.updated < replicas) {
    // Recreate makes new pods only once the last old one has ended: nothing serves in between.
    const between = strategy === "Recreate" && status.available === 0 ? " (Recreate: none serves meanwhile)" : "";
    return progressing(`${status.updated} of ${replicas} new pods created${between}`);
  }
  const old = status.replicas - status.updated;
  if (old > 0) return progressing(`${old} old ${old === 1 ? "pod is" : "pods are"} still stopping`);
  if (status.available < status.updated) {
    const settling = status.ready > status.available ? `, ${status.ready} ready` : "";
    return progressing(`${status.available} of ${status.updated} new pods available${settling}`);
  }
  if (replicas === 0) return { kind: "empty", because: "accepted, but 0 replicas are asked for: nothing runs" };
  return { kind: "healthy", because: `${status.available} of ${replicas} pods available` };
}

/**
 * Pods that admission turned away will not come by waiting, except what a young namespace is still missing (its service account, a
 * counted quota), a webhook that does not answer, and a quota that the old pods are about to leave.
 */
function refusedPods(deployment: DeploymentView, newest: ReplicaSetView | null, now: Millis): Judgement | null {
  const failure = (newest?.conditions ?? deployment.status.conditions).find(isReplicaFailure);
  if (failure === undefined) return null;
  const { message } = failure;
  const transient =
    /error looking up service account|status unknown for quota|failed calling webhook|timeout|deadline/i;
  const leaving = /exceeded quota/.test(message) && deployment.status.replicas > deployment.status.updated;
  const infrastructure = transient.test(message);
  const patience = infrastructure ? 30_000 : leaving ? 10_000 : 0;
  if (patience > 0 && now - (failure.since ?? now) < patience) return null;
  const because = `its pods are refused: ${message}`;
  return { kind: "failed", because, fault: infrastructure ? "infrastructure" : "application", timedOut: false };
}

export const isReplicaFailure = (condition: Condition): boolean =>
  condition.type === "ReplicaFailure" && condition.status === "True";

/**
 * ProgressDeadlineExceeded, unless it is the verdict on an earlier rollout: it stays in the status until a new one makes progress,
 * and for ever after a write that changed nothing. Ours can only be younger than our write; our own deadline covers the rest.
 */
function missedProgress(expected: RolloutExpectation, deployment: DeploymentView): boolean {
  const verdict = deployment.status.conditions.find(
    ({ type, status, reason }) => type === "Progressing" && status === "False" && reason === "ProgressDeadlineExceeded",
  );
  if (verdict === undefined) return false;
  return verdict.updatedAt === null ? !expected.unchanged : verdict.updatedAt > expected.startedAt;
}
