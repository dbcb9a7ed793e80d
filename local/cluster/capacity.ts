import { randomUUID } from "node:crypto";

import type { WorldClock } from "../clock.ts";
import { kindNamed } from "./kinds.ts";
import { items, wholeSeconds, type KubeObject } from "./object.ts";
import type { ObjectStore } from "./store.ts";
import type { SimulatedCluster, Store, Webernetes } from "./webernetes.ts";

/** Each container is a process on somebody's laptop. */
const mostContainers = 40;
const pods = kindNamed("Pod");
const stores = new WeakMap<object, { store: ObjectStore; clock: WorldClock }>();
const limited = new WeakSet<object>();

/** Leaves a pod Pending, with the scheduler's event, while too many containers run; it is tried again when one ends. */
export function limitProcesses(
  { PodStore: { prototype } }: Webernetes,
  cluster: SimulatedCluster,
  store: ObjectStore,
): void {
  stores.set(cluster.etcd, { store, clock: cluster.clock });
  if (!limited.has(prototype)) {
    limited.add(prototype);
    const { bind } = prototype;
    prototype.bind = async function (this: Store, name, namespace, binding) {
      const own = stores.get(this.etcd);
      const pod = own?.store.get(pods, namespace, name);
      if (own !== undefined && pod !== undefined && placed(own.store) + size(pod) > mostContainers) {
        await refusePlace(own.store, pod, wholeSeconds(new Date(own.clock.nowMs()).toISOString()));
        throw new Error(`no room for pod ${name}`);
      }
      return await bind.call(this, name, namespace, binding);
    };
  }
  store.follow(store.revision(), ({ kind, type, object }) => {
    if (kind !== pods) return;
    // An update makes the scheduler look again.
    if (type === "DELETED") for (const pod of store.list(pods).filter(isWaiting)) void touch(store, pod);
    // A pod without a node has no kubelet to end it; the real API server deletes it without a grace period.
    else if (object.metadata.deletionTimestamp !== undefined && object.spec?.["nodeName"] === undefined) {
      store.delete(pods, object.metadata.namespace, object.metadata.name).catch(() => {}); // gone already
    }
  });
}

function placed(store: ObjectStore): number {
  return store
    .list(pods)
    .filter(({ metadata, spec }) => metadata.namespace !== "kube-system" && spec?.["nodeName"] !== undefined)
    .reduce((sum, pod) => sum + size(pod), 0);
}

function size(pod: KubeObject): number {
  return items(pod.spec?.["containers"]).length;
}

function isWaiting(pod: KubeObject): boolean {
  return pod.spec?.["nodeName"] === undefined && pod.metadata.deletionTimestamp === undefined;
}

async function refusePlace(store: ObjectStore, pod: KubeObject, now: string): Promise<void> {
  const message = `0/4 nodes are available: the local cluster runs at most ${mostContainers} containers. Delete something, or scale it down.`;
  const { name, namespace = "default", uid } = pod.metadata;
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
  if (pod.status?.["conditions"] !== undefined) return;
  await store.update(pods, { ...pod, status: { ...pod.status, phase: "Pending", conditions } }).catch(() => undefined); // looked at again on its next change
  await store.create(kindNamed("Event"), {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.${randomUUID().slice(0, 8)}`, namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, ...(uid === undefined ? {} : { uid }) },
    type: "Warning",
    reason: "FailedScheduling",
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: "default-scheduler" },
  });
}

async function touch(store: ObjectStore, pod: KubeObject): Promise<void> {
  const annotations = { ...pod.metadata.annotations, "local.proa.dev/looked-at": String(store.revision()) };
  await store.update(pods, { ...pod, metadata: { ...pod.metadata, annotations } }).catch(() => undefined); // somebody else's update does as well
}
