import { describe, expect, test } from "vitest";
import {
  condition,
  deployment,
  event,
  healthy,
  NOW,
  oldReplicaSet,
  pod,
  replicaSet,
  unschedulable,
  withPods,
} from "../fixtures/cluster/web.ts";
import { NOT_READY, onPod, refused, waits, said, wanted, type Row } from "./diagnosis-case.ts";

const NODES = "0/3 nodes are available: ";
const creating = waits("ContainerCreating");

const admission: Row[] = [
  {
    when: "the quota is full",
    live: refused(
      'pods "w" is forbidden: exceeded quota: compute, requested: limits.cpu=500m, used: limits.cpu=1, limited: limits.cpu=1',
    ),
    headline: /quota compute is full: requested limits\.cpu=500m, used limits\.cpu=1 of limits\.cpu=1/,
    detail: /leaves no room/,
    remedy: /Lower `resources`/,
  },
  {
    when: "the quota wants figures",
    live: refused('pods "w" is forbidden: failed quota: compute: must specify limits.cpu for: app'),
    headline: /quota compute wants limits\.cpu for: app/,
    remedy: /Set `resources`/,
  },
  {
    when: "a LimitRange objects",
    live: refused('pods "w" is forbidden: [maximum cpu usage per Container is 500m, but limit is 1]'),
    headline: /maximum cpu usage per Container is 500m, but limit is 1$/,
    remedy: /within the limits/,
  },
  {
    when: "pod security objects",
    live: refused('pods "w" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'),
    headline: /pod security "restricted:latest" is violated/,
    detail: /allowPrivilegeEscalation/,
  },
  {
    when: "a webhook objects",
    live: refused('admission webhook "v.acme.example" denied the request: no latest tags'),
    headline: /v\.acme\.example denied/,
    detail: /no latest tags/,
  },
  {
    when: "a webhook is down",
    live: refused('Internal error occurred: failed calling webhook "v.acme.example": connection refused'),
    headline: /v\.acme\.example does not answer/,
    fault: "infrastructure",
  },
  {
    when: "a policy objects",
    live: refused("ValidatingAdmissionPolicy 'tags' with binding 'b' denied request: no"),
    headline: /policy tags denied/,
  },
  {
    when: "the service account is missing",
    live: refused('error looking up service account shop-7/web: serviceaccount "web" not found'),
    headline: /service account web does not exist/,
    remedy: /Create the service account web/,
  },
  {
    when: "the template is invalid",
    live: refused(
      'Pod "w" is invalid: spec.containers[0].resources.requests: Invalid value: "1": must be less than or equal to cpu limit',
    ),
    headline: /pod template is invalid/,
    detail: /less than or equal to cpu limit/,
  },
  {
    when: "somebody else objects",
    live: refused("something new"),
    headline: /pods are refused/,
    detail: /something new/,
  },
  {
    when: "only an event says that pods are refused",
    live: { ...refused(""), replicaSets: [{ ...replicaSet, replicas: 0, ready: 0 }] },
    events: [
      event(
        "ReplicaSet/web-5d8f",
        "FailedCreate",
        'Error creating: pods "w" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9, limited: pods=9',
      ),
    ],
    headline: /quota q is full/,
  },
];

const scheduling: Row[] = [
  {
    when: "processor and memory are short",
    live: withPods(unschedulable(`${NODES}1 Insufficient cpu, 2 Insufficient memory.`)),
    headline: /no node can run the pod: not enough cpu and memory$/,
    detail: /^Pod could not be scheduled because 0\/3/,
    remedy: /Lower `resources`/,
    fault: "infrastructure",
  },
  {
    when: "nodes are tainted",
    live: withPods(unschedulable(`${NODES}3 node(s) had untolerated taint {dedicated: gpu}.`)),
    headline: /taint dedicated: gpu/,
    remedy: /toleration/,
  },
  {
    when: "nothing matches the selector",
    live: withPods(unschedulable(`${NODES}3 node(s) didn't match Pod's node affinity/selector.`)),
    headline: /node selector or affinity/,
    fault: "application",
  },
  {
    when: "spread rules leave nothing",
    live: withPods(unschedulable(`${NODES}3 node(s) didn't match pod anti-affinity rules.`)),
    headline: /affinity or spread/,
    fault: "application",
  },
  {
    when: "a claim is not bound",
    live: withPods(unschedulable(`${NODES}pod has unbound immediate PersistentVolumeClaims.`)),
    headline: /claim is not bound/,
    remedy: /storage class/,
  },
  {
    when: "a claim is missing",
    live: withPods(unschedulable(`${NODES}persistentvolumeclaim "data" not found.`)),
    headline: /volume claim data does not exist/,
    fault: "application",
  },
  {
    when: "the volume is elsewhere",
    live: withPods(unschedulable(`${NODES}1 node(s) had volume node affinity conflict.`)),
    headline: /another zone/,
  },
  { when: "the nodes are full", live: withPods(unschedulable(`${NODES}3 Too many pods.`)), headline: /full of pods/ },
  {
    when: "the nodes are cordoned",
    live: withPods(unschedulable(`${NODES}3 node(s) were unschedulable.`)),
    headline: /cordoned/,
  },
  {
    when: "the scheduler says something new",
    live: withPods(unschedulable("no nodes")),
    headline: /no node can run the pod$/,
    remedy: /nodes looked at/,
  },
];

const nodes: Row[] = [
  {
    when: "a Secret to mount is missing",
    live: creating,
    events: [onPod("FailedMount", 'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found')],
    headline: /secret web-tls does not exist/,
    fault: "application",
  },
  {
    when: "a volume cannot be mounted",
    live: creating,
    events: [onPod("FailedMount", "timed out waiting for the condition")],
    headline: /volume cannot be mounted/,
    fault: "infrastructure",
  },
  {
    when: "a volume hangs on another node",
    live: creating,
    events: [onPod("FailedAttachVolume", "Multi-Attach error")],
    headline: /volume cannot be mounted/,
    detail: /Multi-Attach/,
  },
  {
    when: "the network has no address",
    live: creating,
    events: [onPod("FailedCreatePodSandBox", "failed to assign an IP address")],
    headline: /node cannot set up the pod/,
    fault: "infrastructure",
  },
  {
    when: "a pod is evicted",
    live: {
      ...NOT_READY,
      pods: [pod("web-a", { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." })],
    },
    headline: /taken away: Evicted/,
    detail: /^web-a on node-1: Evicted: The node was low/,
    fault: "infrastructure",
  },
  {
    when: "a node is drained",
    live: {
      ...NOT_READY,
      pods: [
        pod("web-a", {
          deletedAt: NOW,
          conditions: [condition("DisruptionTarget", "True", { reason: "EvictionByEvictionAPI" })],
        }),
      ],
    },
    headline: /taken away: EvictionByEvictionAPI/,
  },
  {
    when: "an old pod does not go",
    live: {
      deployments: [{ ...deployment, status: { ...deployment.status, replicas: 3 } }],
      replicaSets: [oldReplicaSet, replicaSet],
      pods: [...healthy.pods, pod("web-old", { ownerUid: "uid-rs-4", deletedAt: NOW })],
    },
    headline: /2 of 2 pods ready .*old pods do not stop/,
    detail: /web-old/,
    remedy: /finalizers/,
    fault: "infrastructure",
  },
];

describe.each([
  ["admission", admission],
  ["scheduling", scheduling],
  ["nodes and volumes", nodes],
])("about %s, the diagnosis says what to do when", (_, rows) => {
  test.each(rows)("$when", (row) => expect(said(row)).toMatchObject(wanted(row)));
});
