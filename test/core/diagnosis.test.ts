import { describe, expect, test } from "vitest";
import type { DeploymentView, EventView, Workloads } from "../../src/core/cluster.ts";
import { diagnose, type DiagnosisInput } from "../../src/core/diagnosis.ts";
import type { Judgement } from "../../src/core/rollout.ts";
import {
  broken,
  condition,
  crashing,
  deployment,
  ended,
  event,
  expected,
  healthy,
  MINUTE,
  NOW,
  oldReplicaSet,
  pod,
  replicaSet,
  running,
  START,
  unschedulable,
  waiting,
  withContainer,
  withPods,
} from "../fixtures/cluster/web.ts";

const failed: Judgement = { kind: "failed", because: "it failed", fault: "application", timedOut: false };

const diagnosis = (workloads: Workloads, more: Partial<DiagnosisInput> = {}) =>
  diagnose({
    service: "web",
    deployment: workloads.deployments[0] ?? null,
    expected,
    workloads,
    events: [],
    logs: [],
    judgement: failed,
    oldVersionServes: false,
    now: START + 5 * MINUTE,
    includeLogs: true,
    ...more,
  });

const waits = (reason: string, message = ""): Workloads => withContainer(broken(waiting(reason, message)));
const refused = (message: string): Workloads => ({
  ...withPods({}),
  replicaSets: [
    { ...replicaSet, replicas: 0, ready: 0, conditions: [condition("ReplicaFailure", "True", { message })] },
  ],
  pods: [],
});
const spec = (more: Partial<DeploymentView["containers"][number]>, live: Workloads): Workloads => ({
  ...live,
  deployments: live.deployments.map((one) => ({
    ...one,
    containers: one.containers.map((old) => ({ ...old, ...more })),
  })),
});
const onPod = (reason: string, message: string): EventView => event("Pod/web-a", reason, message);
const NOT_READY = withContainer(broken(running, { started: true }));

type Row = {
  when: string;
  live: Workloads;
  headline: RegExp;
  detail?: RegExp;
  remedy?: RegExp;
  fault?: "application" | "infrastructure";
  events?: EventView[];
  log?: string;
};

const images: Row[] = [
  {
    when: "the image is not there",
    live: waits("ImagePullBackOff", "manifest unknown"),
    headline: /: ImagePullBackOff on sha256:4f2c6aa…$/,
    detail: /^> app: Failed to pull image .*The image is not in the registry\.$/,
    remedy: /build pushed it/,
  },
  {
    when: "only the event says why",
    live: waits("ImagePullBackOff", "Back-off pulling image"),
    events: [onPod("Failed", 'Failed to pull image "x": 401 Unauthorized')],
    headline: /ImagePullBackOff/,
    detail: /may not pull/,
    remedy: /right to read/,
  },
  {
    when: "credentials are missing",
    live: waits("ErrImagePull", "no basic auth credentials"),
    headline: /ErrImagePull on/,
    detail: /may not pull/,
  },
  {
    when: "the registry denies",
    live: waits("ErrImagePull", "denied: requested access to the resource is denied"),
    headline: /ErrImagePull/,
    detail: /may not pull/,
  },
  {
    when: "there is no build for the platform",
    live: waits("ErrImagePull", "no match for platform in manifest: not found"),
    headline: /ErrImagePull/,
    detail: /processor/,
    remedy: /buildx/,
  },
  {
    when: "the registry throttles",
    live: waits("ErrImagePull", "toomanyrequests: rate exceeded"),
    headline: /ErrImagePull/,
    detail: /how often/,
    fault: "infrastructure",
  },
  {
    when: "the registry cannot be reached",
    live: waits("ErrImagePull", "dial tcp: lookup registry.example: no such host"),
    headline: /ErrImagePull/,
    detail: /cannot reach/,
    fault: "infrastructure",
  },
  {
    when: "nobody says why",
    live: waits("ImagePullBackOff"),
    headline: /ImagePullBackOff/,
    detail: /ImagePullBackOff\.$/,
    remedy: /Check that the image exists/,
  },
  {
    when: "the name is no name",
    live: spec({ image: "Shop Web" }, waits("InvalidImageName")),
    headline: /InvalidImageName on Shop Web/,
    detail: /not a valid image name/,
    remedy: /`image` in \.proa\.yml/,
  },
];

const crashes: Row[] = [
  {
    when: "the application fails",
    live: withContainer(crashing(1)),
    headline: /CrashLoopBackOff \(exit 1: an error of the application\)$/,
    detail: /^> app: Crashing repeatedly \(exit 1\)\. See logs for more information\.$/,
    remedy: /logs of the last run/,
  },
  {
    when: "it ends by itself",
    live: withContainer(crashing(0)),
    headline: /exit 0: it ended by itself/,
    remedy: /must keep running/,
  },
  { when: "the shell finds no command", live: withContainer(crashing(127)), headline: /exit 127: command not found/ },
  {
    when: "the command is not executable",
    live: withContainer(crashing(126)),
    headline: /exit 126: command is not executable/,
  },
  { when: "it is killed", live: withContainer(crashing(137)), headline: /exit 137: SIGKILL/ },
  { when: "it is asked to stop", live: withContainer(crashing(143)), headline: /exit 143: SIGTERM/ },
  { when: "it violates its memory", live: withContainer(crashing(139)), headline: /exit 139: SIGSEGV/ },
  { when: "it dies of another signal", live: withContainer(crashing(135)), headline: /exit 135: signal 7/ },
  {
    when: "it leaves a message",
    live: withContainer(crashing(1, 3, "Error", "cannot bind\n")),
    headline: /exit 1/,
    detail: /It said: cannot bind$/,
  },
  {
    when: "it has just ended again",
    live: withContainer(broken(ended(3), { restarts: 2 })),
    headline: /crashing \(exit 3/,
  },
  {
    when: "its log says that the binary is foreign",
    live: withContainer(crashing(1)),
    log: "exec /app: exec format error",
    headline: /built for another processor/,
    remedy: /buildx/,
  },
  {
    when: "it runs out of memory",
    live: withContainer(crashing(137, 3, "OOMKilled")),
    headline: /OOMKilled: more memory than its limit/,
    detail: /3 restarts/,
    remedy: /resources\.memory/,
  },
  {
    when: "it ran out of memory and runs again",
    live: withContainer(broken(running, { restarts: 1, last: ended(137, "OOMKilled") })),
    headline: /OOMKilled/,
  },
  {
    when: "its liveness probe kills it",
    live: spec({ liveness: { kind: "tcp", target: ":8080" } }, withContainer(crashing(137))),
    events: [onPod("Unhealthy", "Liveness probe failed: timeout")],
    headline: /killed by its probe: Liveness probe failed: timeout/,
    detail: /must accept connections on port 8080/,
  },
  {
    when: "its startup probe kills it",
    live: spec({ startup: { kind: "exec", target: "cat /tmp/ok" } }, withContainer(crashing(143))),
    events: [onPod("Unhealthy", "Startup probe failed: no file")],
    headline: /Startup probe failed/,
    detail: /must exit 0 from the following command: 'cat \/tmp\/ok'/,
  },
  {
    when: "its command is missing in the image",
    live: waits("RunContainerError", 'exec: "serve": executable file not found in $PATH: unknown'),
    headline: /its command serve cannot be run/,
    remedy: /`command` in \.proa\.yml/,
  },
  {
    when: "containerd could not start it",
    live: withContainer(crashing(128, 3, "StartError", 'exec: "./run": permission denied')),
    headline: /its command \.\/run cannot be run/,
    detail: /Failed to start \(exit 128\)/,
  },
  {
    when: "the binary is foreign",
    live: withContainer(crashing(128, 3, "StartError", "exec /app: exec format error")),
    headline: /another processor/,
  },
  {
    when: "the runtime fails",
    live: waits("CreateContainerError", "context deadline exceeded"),
    headline: /container cannot be started/,
    fault: "infrastructure",
  },
  {
    when: "an init container fails",
    live: withPods({
      initContainers: [{ ...crashing(2), name: "migrate" }],
      containers: [broken(waiting("PodInitializing"))],
    }),
    headline: /exit 2: wrong use of a command/,
    detail: /^> init container migrate: Crashing/,
  },
  {
    when: "an init container does not end",
    live: withPods({
      initContainers: [{ ...broken(running), name: "wait" }],
      containers: [broken(waiting("PodInitializing"))],
    }),
    headline: /init container wait has not finished/,
    remedy: /its logs/,
  },
];

const configs: Row[] = [
  {
    when: "a Secret is missing",
    live: waits("CreateContainerConfigError", 'secret "db" not found'),
    headline: /secret db does not exist$/,
    detail: /Failed to generate container configuration: secret "db" not found/,
    remedy: /Create the secret db/,
  },
  {
    when: "a ConfigMap is missing",
    live: waits("CreateContainerConfigError", 'configmap "flags" not found'),
    headline: /configmap flags does not exist/,
  },
  {
    when: "a key is missing",
    live: waits("CreateContainerConfigError", "couldn't find key DATABASE_URL in Secret shop-7/db"),
    headline: /secret db has no key DATABASE_URL/,
    remedy: /Add the key DATABASE_URL/,
  },
  {
    when: "the image runs as root",
    live: waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
    headline: /runs as root/,
    remedy: /numeric USER/,
  },
  {
    when: "something else is wrong",
    live: waits("CreateContainerConfigError", "services have not yet been read"),
    headline: /configuration is wrong/,
  },
];

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

const NODES = "0/3 nodes are available: ";
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

const creating = waits("ContainerCreating");
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

const probes: Row[] = [
  {
    when: "readiness is answered badly",
    live: NOT_READY,
    events: [onPod("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")],
    headline: /Readiness probe failed: HTTP probe failed with statuscode: 503$/,
    detail: /^> app must respond with a good status code at '\/healthz' on port 8080 \(Readiness/,
    remedy: /`health` in \.proa\.yml/,
  },
  {
    when: "readiness is not answered",
    live: NOT_READY,
    headline: /the readiness probe does not pass on sha256:4f2c6aa…/,
    detail: /^> app must respond/,
  },
  {
    when: "nobody listens",
    live: spec({ readiness: { kind: "tcp", target: ":3000" } }, NOT_READY),
    headline: /readiness probe/,
    detail: /must accept connections on port 3000/,
    remedy: /not 127\.0\.0\.1/,
  },
  {
    when: "a command fails",
    live: spec({ readiness: { kind: "exec", target: "pg_isready" } }, NOT_READY),
    headline: /readiness/,
    detail: /command: 'pg_isready'/,
  },
  {
    when: "gRPC does not answer",
    live: spec({ readiness: { kind: "grpc", target: ":9000" } }, NOT_READY),
    headline: /readiness/,
    detail: /gRPC health checks on port 9000/,
  },
  {
    when: "it has not started yet",
    live: spec({ startup: { kind: "http", target: ":8080/up" } }, withContainer(broken(running))),
    headline: /the startup probe/,
    detail: /'\/up' on port 8080/,
  },
];

describe.each([
  ["an image", images],
  ["a crash", crashes],
  ["a configuration", configs],
  ["admission", admission],
  ["scheduling", scheduling],
  ["nodes and volumes", nodes],
  ["probes", probes],
])("about %s, the diagnosis says what to do when", (_, rows) => {
  test.each(rows)("$when", ({ live, headline, detail, remedy, fault, events = [], log }) => {
    const logs = log === undefined ? [] : [{ pod: "web-a", container: "app", previous: true, text: log }];
    const said = diagnosis(live, { events, logs });
    expect(said.headline).toMatch(headline);
    expect(said.headline).toMatch(/^web: \d of 2 pods ready after 5 min: /);
    if (detail !== undefined) expect(said.details).toContainEqual(expect.stringMatching(detail));
    if (remedy !== undefined) expect(said.remedy).toMatch(remedy);
    if (fault !== undefined) expect(said.fault).toBe(fault);
  });
});
