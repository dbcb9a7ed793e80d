import type { Condition } from "../../src/core/cluster.ts";
import type { Millis } from "../../src/core/names.ts";
import { condition, type Deployment, type DeploymentStatus, type ReplicaSet } from "./cluster-state.ts";

interface Counted {
  readonly counts: Omit<DeploymentStatus, "conditions">;
  readonly fresh: ReplicaSet | null;
  readonly all: readonly ReplicaSet[];
}

/** `Available`, `Progressing` and `ReplicaFailure` as the deployment controller writes them (progress.go, sync.go). */
export function conditionsOf(deployment: Deployment, counted: Counted, now: Millis): Condition[] {
  const { spec, status } = deployment;
  const previous = (type: string): Condition | undefined => status.conditions.find((known) => known.type === type);
  const enough = counted.counts.available >= spec.replicas - spec.maxUnavailable;
  const available = enough
    ? condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    : condition(
        "Available",
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
        now,
      );
  const progressing = progressOf(deployment, counted, previous("Progressing"), now);
  const refused = counted.all.find(({ failure }) => failure !== null)?.failure;
  return [
    kept(previous("Available"), available),
    ...(progressing === null ? [] : [kept(previous("Progressing"), progressing)]),
    ...(refused ? [kept(previous("ReplicaFailure"), refused)] : []),
  ];
}

/** Nothing new: the same condition, with its times. */
const kept = (before: Condition | undefined, now: Condition): Condition => {
  if (before === undefined || before === now || before.status !== now.status) return now;
  return before.reason === now.reason && !RENEWED.has(now.reason) ? before : { ...now, since: before.since };
};

/** Each step of progress starts the deadline anew. */
const RENEWED = new Set(["ReplicaSetUpdated"]);

function progressOf(
  { spec, status }: Deployment,
  { counts, fresh }: Counted,
  before: Condition | undefined,
  now: Millis,
): Condition | null {
  const { progressDeadlineSeconds, replicas } = spec;
  if (progressDeadlineSeconds === null) return null;
  const name = fresh?.name ?? "";
  const complete = counts.updated === replicas && counts.replicas === replicas && counts.available === replicas;
  if (spec.paused)
    return before?.reason === "DeploymentPaused"
      ? before
      : condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now);
  // Once complete it is not judged again until there is a new template: later trouble shows in `Available` alone.
  const isNew = fresh !== null && fresh.createdAt === now;
  if (isNew) return condition("Progressing", "True", "NewReplicaSetCreated", `Created new replica set "${name}"`, now);
  if (complete)
    return condition(
      "Progressing",
      "True",
      "NewReplicaSetAvailable",
      `ReplicaSet "${name}" has successfully progressed.`,
      now,
    );
  if (before?.reason === "DeploymentPaused")
    return condition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now);
  const moved =
    counts.updated > status.updated ||
    counts.replicas - counts.updated < status.replicas - status.updated ||
    counts.ready > status.ready ||
    counts.available > status.available;
  if (moved || before === undefined)
    return condition("Progressing", "True", "ReplicaSetUpdated", `ReplicaSet "${name}" is progressing.`, now);
  const waiting = before.reason !== "NewReplicaSetAvailable" && before.status !== "False";
  const late = now - (before.updatedAt ?? now) >= progressDeadlineSeconds * 1_000;
  return waiting && late
    ? condition(
        "Progressing",
        "False",
        "ProgressDeadlineExceeded",
        `ReplicaSet "${name}" has timed out progressing.`,
        now,
      )
    : before;
}
