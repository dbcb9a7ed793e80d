import { describe, expect, test } from "vitest";
import type { Workloads } from "../../src/core/cluster.ts";
import { ANNOTATION } from "../../src/core/names.ts";
import {
  evidenceWanted,
  judgeRollout,
  summarize,
  type Judgement,
  type RolloutExpectation,
} from "../../src/core/rollout.ts";
import {
  broken,
  condition,
  crashing,
  deployment,
  expected,
  healthy,
  MINUTE,
  NOW,
  OLD_IMAGE,
  oldReplicaSet,
  pod,
  replicaSet,
  START,
  unschedulable,
  waiting,
  withContainer,
  withDeployment,
  withPods,
  withStatus,
} from "../fixtures/cluster/web.ts";

type Case = {
  when: string;
  live: Workloads;
  is: Judgement["kind"];
  because: RegExp;
  expected?: Partial<RolloutExpectation>;
  now?: number;
  fault?: "application" | "infrastructure";
  timedOut?: boolean;
};

const LATE = expected.deadlineAt;
const annotated = (revision: string | null) =>
  withDeployment({
    annotations: {
      "deployment.kubernetes.io/revision": "5",
      ...(revision === null ? {} : { [ANNOTATION.revision]: revision }),
    },
  });
const runs = (image: string, foreignManagers: string[] = []) =>
  withDeployment({ containers: deployment.containers.map((spec) => ({ ...spec, image })), foreignManagers });
const refused = (message: string, since: number, more: Partial<typeof deployment.status> = {}): Workloads => ({
  deployments: [
    { ...deployment, status: { ...deployment.status, updated: 0, available: 0, ready: 0, replicas: 0, ...more } },
  ],
  replicaSets: [
    {
      ...replicaSet,
      replicas: 0,
      conditions: [condition("ReplicaFailure", "True", { reason: "FailedCreate", message, since })],
    },
  ],
  pods: [],
});
const exceeded = (updatedAt: number | null) =>
  withStatus({
    available: 1,
    conditions: [condition("Progressing", "False", { reason: "ProgressDeadlineExceeded", updatedAt })],
  });
const QUOTA = 'pods "web-x" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=2, limited: cpu=2';

const cases: Case[] = [
  { when: "all new pods are available", live: healthy, is: "healthy", because: /^2 of 2 pods available$/ },
  { when: "it is healthy, only seen after the deadline", live: healthy, now: LATE, is: "healthy", because: /2 of 2/ },

  {
    when: "the Deployment is gone",
    live: { ...healthy, deployments: [] },
    is: "blocked",
    because: /Deployment web is gone/,
  },
  { when: "the Deployment was made again", live: withDeployment({ uid: "other" }), is: "drift", because: /made again/ },
  { when: "a later revision was written", live: annotated("8"), is: "superseded", because: /revision 8/ },
  {
    when: "kubectl rollout undo put the annotations back",
    live: annotated("6"),
    is: "drift",
    because: /revision 6 .*undo/,
  },
  { when: "the revision was taken off", live: annotated(null), is: "drift", because: /taken off/ },
  { when: "the revision is not a number", live: annotated("x"), is: "drift", because: /taken off/ },
  {
    when: "the image was set by hand",
    live: runs(OLD_IMAGE, ["kubectl-set"]),
    is: "drift",
    because: /by kubectl-set: it is .*sha256:1111/,
  },
  {
    when: "the image was changed by nobody we can name",
    live: runs("nginx:1"),
    is: "drift",
    because: /image was changed: it is nginx:1/,
  },
  {
    when: "another container has our image, beside a sidecar",
    live: withDeployment({
      containers: [
        { name: "proxy", image: "envoy:1", readiness: null, liveness: null, startup: null, ports: [] },
        ...deployment.containers,
      ],
    }),
    is: "healthy",
    because: /2 of 2/,
  },

  {
    when: "the controller has not looked yet",
    live: withStatus({ observedGeneration: 11 }),
    is: "progressing",
    because: /not observed yet/,
  },
  {
    when: "the controller has not looked by the deadline",
    live: withStatus({ observedGeneration: 11 }),
    now: LATE,
    is: "failed",
    because: /controller has not looked/,
    fault: "infrastructure",
    timedOut: true,
  },
  {
    when: "a scaler moved the generation on since, and that is not observed",
    live: withStatus({}, { generation: 13, replicas: 3 }),
    is: "progressing",
    because: /2 of 3 new pods created/,
  },
  { when: "it is paused", live: withDeployment({ paused: true }), is: "blocked", because: /kubectl rollout resume/ },
  {
    when: "it is paused beyond the deadline",
    live: withDeployment({ paused: true }),
    now: LATE,
    is: "blocked",
    because: /paused/,
  },

  {
    when: "a quota is exceeded",
    live: refused(QUOTA, NOW),
    is: "failed",
    because: /exceeded quota: compute/,
    fault: "application",
    timedOut: false,
  },
  {
    when: "a quota is exceeded while old pods are about to leave",
    live: refused(QUOTA, NOW - 5_000, { replicas: 2 }),
    is: "progressing",
    because: /0 of 2 new pods created/,
  },
  {
    when: "a quota stays exceeded although old pods could leave",
    live: refused(QUOTA, NOW - 11_000, { replicas: 2 }),
    is: "failed",
    because: /exceeded quota/,
  },
  {
    when: "a young namespace has no service account yet",
    live: refused('error looking up service account shop-7/default: serviceaccount "default" not found', NOW - 5_000),
    is: "progressing",
    because: /0 of 2/,
  },
  {
    when: "the service account never comes",
    live: refused('error looking up service account shop-7/web: serviceaccount "web" not found', NOW - 31_000),
    is: "failed",
    because: /serviceaccount "web" not found/,
  },
  {
    when: "a webhook does not answer for long",
    live: refused('Internal error occurred: failed calling webhook "x": connection refused', NOW - 31_000),
    is: "failed",
    because: /failed calling webhook/,
    fault: "infrastructure",
  },
  {
    when: "pods were refused, but no longer are",
    live: { ...healthy, replicaSets: [{ ...replicaSet, conditions: [condition("ReplicaFailure", "False")] }] },
    is: "healthy",
    because: /2 of 2/,
  },

  {
    when: "every new pod crashes",
    live: withContainer(crashing(1)),
    is: "failed",
    because: /app: crashing repeatedly \(exit 1\)/,
    fault: "application",
    timedOut: false,
  },
  {
    when: "one new pod crashes and the other does not",
    live: { ...withContainer(crashing(1)), pods: [pod("web-a", { containers: [crashing(1)] }), pod("web-b")] },
    is: "progressing",
    because: /0 of 2 new pods available/,
  },
  {
    when: "a crashing pod is on its way out",
    live: { ...healthy, pods: [pod("web-a", { containers: [crashing(1)], deletedAt: NOW }), pod("web-b")] },
    is: "healthy",
    because: /2 of 2/,
  },
  {
    when: "only pods of the old version crash",
    live: {
      ...withStatus({ available: 0 }),
      pods: [pod("web-old", { ownerUid: "uid-rs-4", containers: [crashing(1)] })],
    },
    is: "progressing",
    because: /0 of 2 new pods available/,
  },
  {
    when: "the ReplicaSet's number is missing, but its image is ours",
    live: { ...withContainer(crashing(1)), replicaSets: [oldReplicaSet, { ...replicaSet, revision: null }] },
    is: "failed",
    because: /crashing/,
  },
  {
    when: "the ReplicaSet with our image belongs to another Deployment",
    live: { ...withContainer(crashing(1)), replicaSets: [{ ...replicaSet, ownerUid: "uid-other" }] },
    is: "progressing",
    because: /0 of 2/,
  },

  {
    when: "Kubernetes' own deadline has passed",
    live: exceeded(NOW),
    is: "failed",
    because: /no progress for 600 s: 1 of 2/,
    timedOut: true,
  },
  {
    when: "the passed deadline is an earlier rollout's",
    live: exceeded(START - MINUTE),
    is: "progressing",
    because: /1 of 2/,
  },
  { when: "the passed deadline has no time", live: exceeded(null), is: "failed", because: /no progress/ },
  {
    when: "the passed deadline has no time and nothing was changed",
    live: exceeded(null),
    expected: { unchanged: true },
    is: "progressing",
    because: /1 of 2/,
  },
  {
    when: "an old verdict stands until our own deadline",
    live: exceeded(START - MINUTE),
    expected: { unchanged: true },
    now: LATE,
    is: "failed",
    because: /not done in time/,
  },
  {
    when: "Kubernetes has no deadline of its own",
    live: withStatus({ available: 1, conditions: [] }, { progressDeadlineSeconds: 2_147_483_647 }),
    now: LATE,
    is: "failed",
    because: /not done in time: 1 of 2 new pods available/,
    timedOut: true,
    fault: "application",
  },

  {
    when: "new pods are missing",
    live: withStatus({ updated: 1 }),
    is: "progressing",
    because: /^1 of 2 new pods created$/,
  },
  {
    when: "Recreate has ended the old pods",
    live: withStatus({ updated: 0, replicas: 0, ready: 0, available: 0 }, { strategy: "Recreate" }),
    is: "progressing",
    because: /0 of 2 new pods created \(Recreate: none serves meanwhile\)/,
  },
  {
    when: "one old pod is left",
    live: withStatus({ replicas: 3 }),
    is: "progressing",
    because: /1 old pod is still stopping/,
  },
  {
    when: "old pods are left",
    live: withStatus({ replicas: 4 }),
    is: "progressing",
    because: /2 old pods are still stopping/,
  },
  {
    when: "new pods are not available",
    live: withStatus({ ready: 1, available: 1 }),
    is: "progressing",
    because: /^1 of 2 new pods available$/,
  },
  {
    when: "minReadySeconds holds availability back",
    live: withStatus({ ready: 2, available: 1 }),
    is: "progressing",
    because: /1 of 2 new pods available, 2 ready/,
  },
  {
    when: "zero replicas are asked for",
    live: withStatus({ replicas: 0, updated: 0, ready: 0, available: 0 }, { replicas: 0 }),
    is: "empty",
    because: /nothing runs/,
  },
  {
    when: "zero replicas are asked for and an old pod is left",
    live: withStatus({ replicas: 1, updated: 0, ready: 0, available: 0 }, { replicas: 0 }),
    is: "progressing",
    because: /1 old pod/,
  },
  {
    when: "an autoscaler has gone up and all pods are there",
    live: withStatus({ replicas: 5, updated: 5, ready: 5, available: 5 }, { replicas: 5, generation: 14 }),
    is: "healthy",
    because: /5 of 5/,
  },
];

describe("a rollout is judged", () => {
  test.each(cases)("$is when $when", ({ live, is, because, now = NOW, fault, timedOut, expected: more }) => {
    const judgement = judgeRollout({ ...expected, ...more }, live, now);
    expect(judgement).toMatchObject({
      kind: is,
      because: expect.stringMatching(because),
      ...(fault === undefined ? {} : { fault }),
      ...(timedOut === undefined ? {} : { timedOut }),
    });
  });
});

describe("several services are one judgement", () => {
  const named = (service: string, judgement: Judgement) => ({ service, judgement });
  const fine: Judgement = { kind: "healthy", because: "2 of 2 pods available" };
  const failed: Judgement = { kind: "failed", because: "crashing", fault: "infrastructure", timedOut: true };
  const order: Judgement[] = [
    { kind: "superseded", because: "s" },
    { kind: "drift", because: "d" },
    failed,
    { kind: "blocked", because: "b" },
    { kind: "progressing", because: "p" },
    { kind: "empty", because: "e" },
    fine,
  ];

  test.each(order.slice(0, -1).map((one, index) => ({ one, other: order[index + 1] ?? fine })))(
    "$one.kind speaks before $other.kind",
    ({ one, other }) => {
      expect(summarize([named("web", other), named("worker", one)])).toMatchObject({
        kind: one.kind,
        because: `worker: ${one.because}`,
      });
    },
  );

  test("healthy names all of them", () => {
    expect(summarize([named("web", fine), named("worker", fine)])).toEqual({
      kind: "healthy",
      because: "web: 2 of 2 pods available; worker: 2 of 2 pods available",
    });
  });

  test("a failure is the application's, and in time, as soon as one of them is", () => {
    const own: Judgement = { kind: "failed", because: "exit 1", fault: "application", timedOut: false };
    expect(summarize([named("web", failed), named("worker", own)])).toEqual({
      kind: "failed",
      because: "web: crashing; worker: exit 1",
      fault: "application",
      timedOut: false,
    });
  });
});

describe("before a judgement is final, the walk asks", () => {
  test.each([
    {
      about: "nothing while pods merely start",
      live: withContainer(broken(waiting("ContainerCreating"))),
      now: NOW,
      asks: [],
    },
    {
      about: "the registry when an image cannot be pulled",
      live: withContainer(broken(waiting("ErrImagePull"))),
      now: NOW,
      asks: ["registry"],
    },
    {
      about: "nothing about a pod that waits for a node shortly",
      live: withPods(unschedulable("0/3")),
      now: NOW,
      asks: [],
    },
    {
      about: "for events when no node has been found for long",
      live: withPods(unschedulable("0/3")),
      now: START + 3 * MINUTE,
      asks: ["events"],
    },
    { about: "nothing about a Deployment that is gone", live: { ...healthy, deployments: [] }, now: NOW, asks: [] },
  ])("$about", ({ live, now, asks }) => {
    expect(evidenceWanted(expected, live, now)).toEqual(asks);
  });

  test("and its answers decide", () => {
    const pulling = withContainer(broken(waiting("ErrImagePull", "not found")));
    expect(judgeRollout(expected, pulling, NOW).kind).toBe("progressing");
    expect(judgeRollout(expected, pulling, NOW, { imageMissing: true, scalingUp: false }).kind).toBe("failed");
    const homeless = withPods(unschedulable("0/3 nodes are available"));
    const later = START + 3 * MINUTE;
    expect(judgeRollout(expected, homeless, later)).toMatchObject({ kind: "failed", fault: "infrastructure" });
    expect(judgeRollout(expected, homeless, later, { imageMissing: false, scalingUp: true }).kind).toBe("progressing");
  });
});
