import type { PodView, Workloads } from "./cluster.ts";
import type { Millis } from "./names.ts";
import {
  activePods,
  counters,
  doomed,
  newestReplicaSet,
  ours,
  type Judgement,
  type RolloutExpectation,
} from "./rollout.ts";
import { containersOf, isDisrupted } from "./rollout-doom.ts";

/** Taken when the rollout became healthy. */
export interface BakeBaseline {
  readonly restarts: number;
  readonly from: Millis;
  readonly until: Millis;
}

/** Restarts of the new pods so far, to compare with later. */
export function restartsOf(expected: RolloutExpectation, live: Workloads): number {
  const deployment = live.deployments.find((candidate) => candidate.uid === expected.uid);
  if (deployment === undefined) return 0;
  return restarts(activePods(newestReplicaSet(expected, deployment, live), live));
}

/**
 * Watches a healthy rollout for a while. Kubernetes no longer judges it: the Progressing condition is final once complete. Readiness
 * may flap meanwhile; a restart is a failure, and so is a pod from the start of the bake that is not ready at its end.
 */
export function judgeBake(
  expected: RolloutExpectation,
  live: Workloads,
  baseline: BakeBaseline,
  now: Millis,
): Judgement {
  const standing = ours(expected, live);
  if ("kind" in standing) return standing;
  const { deployment } = standing;
  if (deployment.paused) return { kind: "blocked", because: "paused: run `kubectl rollout resume` to go on" };
  const pods = activePods(newestReplicaSet(expected, deployment, live), live);
  const dead = doomed(pods, now);
  if (dead !== null) return dead;
  const grown = restarts(pods) - baseline.restarts;
  if (grown > 0) {
    const because = `restarted ${grown === 1 ? "once" : `${grown} times`} after it had become healthy`;
    return { kind: "failed", because, fault: "application", timedOut: false };
  }
  const judged = counters(deployment);
  if (judged.kind === "empty") return judged;
  const available = `${deployment.status.available} of ${deployment.replicas} pods available`;
  if (now < baseline.until) {
    const left = Math.ceil((baseline.until - now) / 1000);
    return { kind: "progressing", because: `watching for ${left} s more: ${available}` };
  }
  // Pods made during the bake (an autoscaler, a drained node) may still be starting: they say nothing about this image.
  const unready = pods.filter((pod) => pod.createdAt <= baseline.from && !isDisrupted(pod) && !isReady(pod));
  if (unready.length === 0 && deployment.status.available > 0) {
    return { kind: "healthy", because: `stayed healthy: ${available}` };
  }
  const because = `no longer healthy after it had become so: ${available}`;
  return { kind: "failed", because, fault: "application", timedOut: false };
}

const isReady = (pod: PodView): boolean =>
  pod.conditions.some(({ type, status }) => type === "Ready" && status === "True");

const restarts = (pods: readonly PodView[]): number =>
  pods.flatMap((pod) => containersOf(pod)).reduce((sum, [container]) => sum + container.restarts, 0);
