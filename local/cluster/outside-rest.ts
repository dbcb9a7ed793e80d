import type { V1Deployment, V1Namespace, V1Pod, V1ReplicaSet } from "@kubernetes/client-node";

/** One namespace as it is now. */
export interface NamespaceSeen {
  readonly namespace: V1Namespace;
  readonly deployments: readonly V1Deployment[];
  readonly replicaSets: readonly V1ReplicaSet[];
  readonly pods: readonly V1Pod[];
}

/** A container that runs and is not ready by then may stay so for ever: a probe fails, or nobody asks. */
const PROBED_MS = 3_000;

/**
 * What in a namespace is on its way and will arrive by itself within moments; null: it rests. Pods that fail rest too: only time, a
 * person or Proa brings them on.
 */
export function onItsWay(seen: NamespaceSeen, nowMs: number): string | null {
  const { namespace, deployments, replicaSets, pods } = seen;
  const name = namespace.metadata?.name ?? "";
  if (namespace.metadata?.deletionTimestamp !== undefined)
    return isHeldBack(namespace) ? null : `namespace ${name} is being deleted`;
  const pod = pods.find((candidate) => isMoving(candidate, nowMs));
  if (pod !== undefined) return `pod ${name}/${pod.metadata?.name}`;
  const set = replicaSets.find((candidate) => !isCounted(candidate, pods));
  if (set !== undefined) return `ReplicaSet ${name}/${set.metadata?.name}`;
  const deployment = deployments.find((candidate) => !isJudged(candidate, seen));
  return deployment === undefined ? null : `Deployment ${name}/${deployment.metadata?.name}`;
}

/** Deleted as far as it can be: what is left carries somebody's finalizer, or cannot be listed. */
const isHeldBack = ({ status }: V1Namespace): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: is }) =>
      is === "True" && /^NamespaceFinalizersRemaining$|^NamespaceDeletion(Content|Discovery)Failure$/.test(type),
  );

function isMoving({ metadata, status }: V1Pod, nowMs: number): boolean {
  if (metadata?.deletionTimestamp !== undefined) return (metadata.finalizers ?? []).length === 0;
  if (status?.phase === "Failed" || status?.phase === "Succeeded") return false;
  const conditions = status?.conditions ?? [];
  if (conditions.some(({ type, status: is }) => type === "Ready" && is === "True")) return false;
  if (conditions.some(({ type, reason }) => type === "PodScheduled" && reason === "Unschedulable")) return false;
  const containers = status?.containerStatuses ?? [];
  if (containers.length === 0) return true;
  return containers.some(({ ready, state }) => {
    if (ready) return false;
    if (state?.waiting !== undefined) return /^(ContainerCreating|PodInitializing)$/.test(state.waiting.reason ?? "");
    const since = state?.running?.startedAt;
    return since === undefined || nowMs - Date.parse(String(since)) < PROBED_MS;
  });
}

/** Its controller has seen its pods as they are; or they are kept out of the namespace, as by a quota. */
function isCounted({ metadata, spec, status }: V1ReplicaSet, pods: readonly V1Pod[]): boolean {
  if (metadata?.deletionTimestamp !== undefined || status?.observedGeneration !== metadata?.generation) return false;
  if (isRefused(status?.conditions)) return true;
  const own = pods.filter(
    ({ metadata: pod, status: { phase } = {} }) =>
      pod?.ownerReferences?.some(({ uid }) => uid === metadata?.uid) && phase !== "Failed" && phase !== "Succeeded",
  );
  return status?.replicas === spec?.replicas && own.length === status?.replicas;
}

/** A new namespace's own quota is counted, and its service account made, a moment after the first pod is wanted. */
const isRefused = (conditions: readonly { type: string; status: string; message?: string }[] = []): boolean =>
  conditions.some(
    ({ type, status, message = "" }) =>
      type === "ReplicaFailure" &&
      status === "True" &&
      !/status unknown for quota|looking up service account/.test(message),
  );

/** Rolled out to the end, or as far as it goes with pods that do not come up. */
function isJudged({ metadata, spec, status }: V1Deployment, { pods, replicaSets }: NamespaceSeen): boolean {
  if (status?.observedGeneration !== metadata?.generation) return false;
  if (spec?.paused === true) return true;
  const [wanted, all = 0, updated = 0, available = 0] = [
    spec?.replicas ?? 1,
    status?.replicas,
    status?.updatedReplicas,
    status?.availableReplicas,
  ];
  if (all === wanted && updated === wanted && available === wanted) return true;
  const isReady = ({ status: seen }: V1Pod): boolean =>
    (seen?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");
  return !pods.every(isReady) || replicaSets.some((set) => isRefused(set.status?.conditions));
}
