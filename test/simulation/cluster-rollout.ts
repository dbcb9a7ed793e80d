import {
  changed,
  type ClusterState,
  type Deployment,
  type DeploymentStatus,
  type ReplicaSet,
  templateHash,
} from "./cluster-state.ts";
import { conditionsOf } from "./cluster-conditions.ts";

const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + count(set), 0);

export const setsOf = ({ namespace, uid }: Deployment): ReplicaSet[] =>
  [...namespace.replicaSets.values()].filter(({ owner }) => owner.uid === uid);

/**
 * One pass of the deployment controller over a Deployment: its ReplicaSet for the present template, what each ReplicaSet should
 * have, and what the status says. As in pkg/controller/deployment of Kubernetes, the status is that of the ReplicaSets as they
 * reported last, so it always comes a little after the change.
 */
export function syncDeployment(state: ClusterState, deployment: Deployment): { touched: readonly ReplicaSet[] } {
  const { spec } = deployment;
  const sets = setsOf(deployment);
  const before = sets.map(({ desired }) => desired);
  const found = spec.paused ? newestOf(deployment, sets) : newSet(state, deployment, sets);
  const all = found === null || sets.includes(found) ? sets : [...sets, found];
  if (found !== null) {
    if (!spec.paused) found.annotations = deployment.annotations;
    scale(deployment, found, all);
  }
  const status = statusOf(state, deployment, found, all);
  const revised = { ...deployment.annotations, [REVISION]: `${found?.revision ?? 0}` };
  if (found !== null && !spec.paused && deployment.annotations[REVISION] !== revised[REVISION]) {
    deployment.annotations = revised;
    changed(state, deployment, "status");
  }
  if (!isSame(status, deployment.status)) {
    deployment.status = status;
    changed(state, deployment, "status");
  }
  cleanUp(deployment, found, all);
  return { touched: all.filter((set, index) => set.desired !== before[index]) };
}

/** The controller's own count of rollouts. */
export const REVISION = "deployment.kubernetes.io/revision";

const newestOf = ({ spec }: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | null => {
  const wanted = templateHash(spec.template);
  return sets.find((set) => set.templateHash === wanted) ?? null;
};

/** A template seen before gets its ReplicaSet back, with a new number. */
function newSet(state: ClusterState, deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet {
  const highest = Math.max(0, ...sets.map(({ revision }) => revision));
  const known = newestOf(deployment, sets);
  if (known !== null) {
    if (known.revision < highest) known.revision = highest + 1;
    return known;
  }
  const { namespace, spec } = deployment;
  const hash = templateHash(spec.template);
  const set: ReplicaSet = {
    name: `${deployment.name}-${hash.slice(0, 10)}`,
    uid: `uid-${state.name}-${state.next()}`,
    owner: deployment,
    createdAt: state.sim.now(),
    template: spec.template,
    templateHash: hash,
    revision: highest + 1,
    annotations: deployment.annotations,
    desired: 0,
    status: { replicas: 0, ready: 0, available: 0 },
    failure: null,
    syncDue: false,
  };
  namespace.replicaSets.set(set.uid, set);
  return set;
}

/** Up as far as the surge allows, down as far as enough pods are available. Recreate: down to nothing first. */
function scale({ spec }: Deployment, fresh: ReplicaSet, all: readonly ReplicaSet[]): void {
  const { replicas, strategy, paused } = spec;
  const old = all.filter((set) => set !== fresh);
  const active = all.filter(({ desired }) => desired > 0);
  if (paused || old.every(({ desired }) => desired === 0)) {
    const [only] = active.length === 1 ? active : [fresh];
    if (only !== undefined && (!paused || active.length === 1)) only.desired = replicas;
    return;
  }
  if (strategy === "Recreate") {
    for (const set of old) set.desired = 0;
    if (old.every(({ status }) => status.replicas === 0)) fresh.desired = replicas;
    return;
  }
  const total = sum(all, ({ desired }) => desired);
  if (fresh.desired > replicas) fresh.desired = replicas;
  else fresh.desired += Math.max(0, Math.min(replicas - fresh.desired, replicas + spec.maxSurge - total));
  scaleDownOld(spec, fresh, { old, all });
}

function scaleDownOld(
  { replicas, maxUnavailable }: Deployment["spec"],
  fresh: ReplicaSet,
  { old, all }: { old: readonly ReplicaSet[]; all: readonly ReplicaSet[] },
): void {
  const least = replicas - maxUnavailable;
  const unready = fresh.desired - fresh.status.available;
  let room = sum(all, ({ desired }) => desired) - least - unready;
  // Pods that do not serve anyway go first: they take nothing away.
  for (const set of old) {
    const down = Math.min(room, set.desired - Math.min(set.desired, set.status.available));
    if (down <= 0) continue;
    set.desired -= down;
    room -= down;
  }
  let spare = sum(all, ({ status, desired }) => Math.min(status.available, desired)) - least;
  for (const set of old) {
    const down = Math.min(spare, set.desired);
    if (down <= 0) continue;
    set.desired -= down;
    spare -= down;
  }
}

function statusOf(
  state: ClusterState,
  deployment: Deployment,
  fresh: ReplicaSet | null,
  all: readonly ReplicaSet[],
): DeploymentStatus {
  const replicas = sum(all, ({ status }) => status.replicas);
  const available = sum(all, ({ status }) => status.available);
  const counts = {
    observedGeneration: deployment.generation,
    replicas,
    updated: fresh?.status.replicas ?? 0,
    ready: sum(all, ({ status }) => status.ready),
    available,
    // Against what is asked for, not what is there: pods that could not be made are unavailable too.
    unavailable: Math.max(0, sum(all, ({ desired }) => desired) - available),
  };
  return { ...counts, conditions: conditionsOf(deployment, { counts, fresh, all }, state.sim.now()) };
}

/** Conditions that did not change are the same objects. */
const isSame = (one: DeploymentStatus, other: DeploymentStatus): boolean =>
  one.observedGeneration === other.observedGeneration &&
  one.replicas === other.replicas &&
  one.updated === other.updated &&
  one.ready === other.ready &&
  one.available === other.available &&
  one.unavailable === other.unavailable &&
  one.conditions.length === other.conditions.length &&
  one.conditions.every((condition, index) => condition === other.conditions[index]);

function cleanUp({ namespace, spec }: Deployment, fresh: ReplicaSet | null, all: readonly ReplicaSet[]): void {
  const idle = all.filter((set) => set !== fresh && set.desired === 0 && set.status.replicas === 0);
  const surplus = idle.length - spec.revisionHistoryLimit;
  if (surplus <= 0) return;
  idle.sort((a, b) => a.revision - b.revision);
  for (const set of idle.slice(0, surplus)) namespace.replicaSets.delete(set.uid);
}
