import {
  condition,
  type ClusterState,
  type Deployment,
  digestOf,
  type Namespace,
  type Pod,
  type ReplicaSet,
  tell,
  wait,
} from "./cluster-state.ts";
import { startPod } from "./cluster-kubelet.ts";
import { setsOf, syncDeployment } from "./cluster-rollout.ts";
import { isActive, isReady } from "./cluster-views.ts";

/** What happens by itself in a cluster, each a moment after what causes it. */
export interface Controllers {
  /** The deployment controller looks at it soon. */
  touched(deployment: Deployment): void;
  /** It is gone; what it owned follows. */
  orphaned(deployment: Deployment): void;
  removePod(pod: Pod): void;
  evictPod(pod: Pod): void;
  /** Content first, then the namespace itself, unless a finalizer holds it. Safe to call again when one was taken away. */
  endNamespace(namespace: Namespace): void;
}

const RETRY_MS = 5_000;

export function createControllers(state: ClusterState): Controllers {
  const { sim } = state;
  const isThere = ({ namespace, name, uid }: Deployment): boolean =>
    namespace.deployments.get(name)?.uid === uid && state.namespaces.get(namespace.name) === namespace;

  function touched(deployment: Deployment): void {
    if (deployment.syncDue) return;
    deployment.syncDue = true;
    sim.at(wait(sim, 5, 3_000), `Deployment/${deployment.name}`, () => {
      deployment.syncDue = false;
      if (isThere(deployment)) sync(deployment);
    });
  }

  function sync(deployment: Deployment): void {
    const { touched: sets } = syncDeployment(state, deployment);
    for (const set of sets) setTouched(set);
    const deadline = deployment.spec.progressDeadlineSeconds;
    const progressing = deployment.status.conditions.find(({ type }) => type === "Progressing");
    // As the controller does, which puts a rollout that may get stuck back into its own queue for the deadline.
    if (deadline === null || progressing?.status !== "True" || progressing.updatedAt !== sim.now()) return;
    if (progressing.reason === "NewReplicaSetAvailable") return;
    sim.at(deadline * 1_000 + 1, `deadline of ${deployment.name}`, () => {
      if (isThere(deployment)) sync(deployment);
    });
  }

  function setTouched(set: ReplicaSet): void {
    if (set.syncDue) return;
    set.syncDue = true;
    sim.at(wait(sim, 5, 800), `ReplicaSet/${set.name}`, () => {
      set.syncDue = false;
      if (set.owner.namespace.replicaSets.get(set.uid) === set) syncSet(set);
    });
  }

  function syncSet(set: ReplicaSet): void {
    const { owner } = set;
    const { namespace } = owner;
    const pods = podsOf(set).filter(isActive);
    const refused = pods.length < set.desired ? createPods(set, set.desired - pods.length) : null;
    // Those that do not serve first, the youngest first among equals: the controller's own order.
    const surplus = [...pods].sort((a, b) => Number(isReady(a)) - Number(isReady(b)) || b.createdAt - a.createdAt);
    for (const pod of surplus.slice(0, Math.max(0, pods.length - set.desired))) removePod(pod);
    const active = podsOf(set).filter(isActive);
    const ready = active.filter(isReady).length;
    const before = set.status;
    const failed = set.failure !== null;
    set.status = { replicas: active.length, ready, available: ready };
    set.failure =
      refused === null
        ? null
        : (set.failure ?? condition("ReplicaFailure", "True", "FailedCreate", refused, sim.now()));
    if (refused !== null) {
      tell(state, namespace, { about: `ReplicaSet/${set.name}`, reason: "FailedCreate", message: refused });
      sim.at(RETRY_MS, `ReplicaSet/${set.name}`, () => setTouched(set));
    }
    const same = before.replicas === active.length && before.ready === ready && failed === (set.failure !== null);
    if (!same && isThere(owner)) touched(owner);
  }

  /** null: all of them; a text: why not. */
  function createPods(set: ReplicaSet, count: number): string | null {
    const { namespace } = set.owner;
    if (namespace.deletedAt !== null) return null;
    for (let i = 0; i < count; i++) {
      const active = [...namespace.pods.values()].filter(isActive).length;
      const { podQuota } = namespace;
      if (podQuota !== null && active >= podQuota)
        return `pods "${set.name}-" is forbidden: exceeded quota: proa-preview, requested: pods=1, used: pods=${active}, limited: pods=${podQuota}`;
      const n = state.next();
      const pod: Pod = {
        name: `${set.name}-${n.toString(36)}`,
        uid: `uid-${state.name}-${n}`,
        owner: set,
        createdAt: sim.now(),
        behaviour: state.behaviourOf(digestOf(set.template)),
        state: { kind: "pulling" },
        stateSince: sim.now(),
        restarts: 0,
        deletedAt: null,
        lost: null,
      };
      namespace.pods.set(pod.name, pod);
      startPod(state, namespace, pod, () => setTouched(set));
    }
    return null;
  }

  const podsOf = (set: ReplicaSet): Pod[] =>
    [...set.owner.namespace.pods.values()].filter(({ owner }) => owner === set);

  function removePod(pod: Pod): void {
    if (pod.deletedAt !== null) return;
    pod.deletedAt = sim.now();
    setTouched(pod.owner);
    const { namespace } = pod.owner.owner;
    sim.at(wait(sim, 100, 30_000), `Pod/${pod.name} ends`, () => {
      namespace.pods.delete(pod.name);
      if (namespace.deletedAt !== null) endNamespace(namespace);
    });
  }

  function evictPod(pod: Pod): void {
    if (!isActive(pod)) return;
    pod.lost = "Evicted";
    setTouched(pod.owner);
  }

  function orphaned(deployment: Deployment): void {
    sim.at(wait(sim, 5, 2_000), `orphans of ${deployment.name}`, () => {
      for (const set of setsOf(deployment)) {
        for (const pod of podsOf(set)) removePod(pod);
        deployment.namespace.replicaSets.delete(set.uid);
      }
    });
  }

  function endNamespace(namespace: Namespace): void {
    sim.at(wait(sim, 50, 6_000), `Namespace/${namespace.name} ends`, () => {
      if (state.namespaces.get(namespace.name) !== namespace) return;
      empty(namespace);
      const now = sim.now();
      const stuck = [...namespace.deployments.values(), ...namespace.objects.values()];
      const left = stuck.length + namespace.pods.size;
      if (left > 0) {
        const message = `Some content in the namespace has finalizers remaining: ${stuck.flatMap(({ finalizers }) => finalizers).join(", ")}`;
        namespace.conditions = [
          condition(
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            `Some resources are remaining: ${left}`,
            now,
          ),
          ...(stuck.length > 0
            ? [condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message, now)]
            : []),
        ];
        return;
      }
      namespace.conditions = [];
      if (namespace.finalizers.length > 0) return;
      state.namespaces.delete(namespace.name);
      const { name, uid, labels } = namespace;
      state.log.push({ kind: "namespace", at: now, by: "cluster", verb: "gone", namespace: name, uid, labels });
    });
  }

  function empty(namespace: Namespace): void {
    for (const [key, { finalizers }] of namespace.objects) if (finalizers.length === 0) namespace.objects.delete(key);
    for (const [name, deployment] of namespace.deployments) {
      if (deployment.finalizers.length === 0) namespace.deployments.delete(name);
    }
    for (const pod of namespace.pods.values()) removePod(pod);
    namespace.replicaSets.clear();
  }

  return { touched, orphaned, removePod, evictPod, endNamespace };
}
