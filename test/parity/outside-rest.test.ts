import { expect, test } from "vitest";
import { type NamespaceSeen, onItsWay } from "../../local/cluster/outside-rest.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const started = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000);

const namespace = { metadata: { name: "shop" }, status: { phase: "Active" } };
const deployment = {
  metadata: { name: "web", generation: 3 },
  spec: { replicas: 1, selector: {}, template: {} },
  status: { observedGeneration: 3, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
};
const replicaSet = {
  metadata: { name: "web-1", uid: "set-1", generation: 1 },
  spec: { replicas: 1, selector: {} },
  status: { observedGeneration: 1, replicas: 1 },
};
const pod = {
  metadata: {
    name: "web-1-a",
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "set-1" }],
  },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }], containerStatuses: [] },
};
const rolledOut: NamespaceSeen = { namespace, deployments: [deployment], replicaSets: [replicaSet], pods: [pod] };

function withContainer(state: object, conditions = [{ type: "Ready", status: "False" }]): NamespaceSeen {
  const container = { name: "web", image: "", imageID: "", ready: false, restartCount: 0, state };
  const unready = { ...pod, status: { ...pod.status, conditions, containerStatuses: [container] } };
  return { ...rolledOut, pods: [unready], deployments: [rolling] };
}
const rolling = { ...deployment, status: { ...deployment.status, replicas: 1, availableReplicas: 0 } };

test("a namespace in which everything is rolled out rests", () => {
  expect(onItsWay(rolledOut, NOW)).toBeNull();
});

const deleting = { ...namespace, metadata: { name: "shop", deletionTimestamp: started(1) } };
const held = { type: "NamespaceFinalizersRemaining", status: "True" };
const generation = { ...deployment.metadata, generation: 4 };
const leaving = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: started(1) } };
const noPod = { ...rolledOut, deployments: [rolling], pods: [] };
const refused = (message: string): NamespaceSeen => {
  const conditions = [{ type: "ReplicaFailure", status: "True", message }];
  return { ...noPod, replicaSets: [{ ...replicaSet, status: { observedGeneration: 1, replicas: 0, conditions } }] };
};
const table: readonly (readonly [what: string, seen: NamespaceSeen, onItsWay: string | null])[] = [
  ["a namespace that is being deleted", { ...rolledOut, namespace: deleting }, "namespace shop is being deleted"],
  [
    "one that a finalizer holds back",
    { ...rolledOut, namespace: { ...deleting, status: { conditions: [held] } } },
    null,
  ],
  [
    "a change that no controller has seen",
    { ...rolledOut, deployments: [{ ...deployment, metadata: generation }] },
    "Deployment shop/web",
  ],
  ["a pod that is not made yet", noPod, "ReplicaSet shop/web-1"],
  ["a pod that a quota keeps out", refused("exceeded quota: pods"), null],
  [
    "a pod that waits for its namespace's quota to be counted",
    refused("status unknown for quota: pods"),
    "ReplicaSet shop/web-1",
  ],
  ["a pod that is leaving", { ...rolledOut, pods: [pod, leaving] }, "pod shop/web-1-a"],
  [
    "a container that is being created",
    withContainer({ waiting: { reason: "ContainerCreating" } }),
    "pod shop/web-1-a",
  ],
  ["a container that has just started", withContainer({ running: { startedAt: started(1) } }), "pod shop/web-1-a"],
  ["a container that runs and stays unready", withContainer({ running: { startedAt: started(10) } }), null],
  ["a container in a crash loop", withContainer({ waiting: { reason: "CrashLoopBackOff" } }), null],
  ["an image that cannot be pulled", withContainer({ waiting: { reason: "ImagePullBackOff" } }), null],
  [
    "a pod that no node has room for",
    withContainer({}, [
      { type: "PodScheduled", status: "False", reason: "Unschedulable" } as { type: string; status: string },
    ]),
    null,
  ],
];

test.for(table)("what rests is told from what is on its way: %s", ([, seen, expected]) => {
  expect(onItsWay(seen, NOW)).toBe(expected);
});
