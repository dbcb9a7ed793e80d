import type {
  Condition,
  ContainerState,
  ContainerView,
  DeploymentView,
  NamespaceView,
  PodView,
  ReplicaSetView,
} from "../../src/core/cluster.ts";
import { condition, type Deployment, type Namespace, type Pod, type ReplicaSet } from "./cluster-state.ts";

/** The model's objects as the adapter parses the API server's. */
export function namespaceView({
  name,
  uid,
  resourceVersion,
  labels,
  annotations,
  createdAt,
  deletedAt,
  conditions,
}: Namespace): NamespaceView {
  const phase = deletedAt === null ? "Active" : "Terminating";
  return {
    name,
    uid,
    resourceVersion: `${resourceVersion}`,
    labels,
    annotations,
    createdAt,
    deletedAt,
    phase,
    conditions,
  };
}

export function deploymentView(deployment: Deployment): DeploymentView {
  const { name, namespace, uid, resourceVersion, generation, labels, annotations, createdAt, spec, status, foreign } =
    deployment;
  const { paused, replicas, strategy, progressDeadlineSeconds, template } = spec;
  const { containers, initContainers } = template;
  const rollout = [...foreign].filter(([path]) => path === REPLICAS || path.endsWith(".image"));
  return {
    name,
    namespace: namespace.name,
    uid,
    resourceVersion: `${resourceVersion}`,
    generation,
    labels,
    annotations,
    createdAt,
    paused,
    replicas,
    strategy,
    progressDeadlineSeconds,
    containers,
    initContainers,
    status,
    // An autoscaler scales as kube-controller-manager, which the adapter leaves out.
    foreignManagers: [...new Set(rollout.map(([, manager]) => manager))]
      .filter((manager) => manager !== "kube-controller-manager")
      .sort(),
  };
}

/** As the API server writes the path of a field in a conflict. */
export const REPLICAS = ".spec.replicas";
export const imagePath = (container: string): string =>
  `.spec.template.spec.containers[name=${JSON.stringify(container)}].image`;

export function replicaSetView(set: ReplicaSet): ReplicaSetView {
  const { name, uid, owner, revision, createdAt, status, template, failure } = set;
  return {
    name,
    uid,
    ownerUid: owner.uid,
    revision: `${revision}`,
    createdAt,
    ...status,
    images: template.containers.map(({ image }) => image),
    conditions: failure === null ? [] : [failure],
  };
}

export function podView(pod: Pod): PodView {
  const { name, uid, owner, createdAt, deletedAt, state, lost } = pod;
  const scheduled = state.kind !== "unschedulable";
  return {
    name,
    uid,
    ownerUid: owner.uid,
    createdAt,
    deletedAt,
    phase: phaseOf(pod),
    reason: lost,
    message: lost === null ? null : "The node was low on resource: memory.",
    node: scheduled ? "node-1" : null,
    conditions: podConditions(pod),
    containers: scheduled
      ? owner.template.containers.map(({ name: container, image }) => view(pod, container, image))
      : [],
    initContainers: [],
  };
}

function phaseOf({ state, lost }: Pod): string {
  if (lost !== null) return "Failed";
  return state.kind === "unschedulable" || state.kind === "pulling" || state.kind === "not pulled"
    ? "Pending"
    : "Running";
}

export const isReady = ({ state, lost }: Pod): boolean => lost === null && state.kind === "running" && state.ready;

/** What a ReplicaSet counts: neither on its way out nor taken down. */
export const isActive = ({ deletedAt, lost }: Pod): boolean => deletedAt === null && lost === null;

function podConditions(pod: Pod): Condition[] {
  const { state, createdAt, stateSince } = pod;
  if (state.kind === "unschedulable")
    return [
      condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.", createdAt),
    ];
  const ready = isReady(pod) ? "True" : "False";
  return [condition("PodScheduled", "True", "", "", createdAt), condition("Ready", ready, "", "", stateSince)];
}

function view(pod: Pod, name: string, image: string): ContainerView {
  const { restarts } = pod;
  const ready = isReady(pod);
  const last: ContainerState = restarts > 0 ? ended(pod.stateSince) : { kind: "unknown" };
  const base = { name, image, ready, started: ready, restarts, last };
  switch (pod.state.kind) {
    case "unschedulable":
    case "pulling":
      return { ...base, state: { kind: "waiting", reason: "ContainerCreating", message: "" } };
    case "not pulled":
      return {
        ...base,
        state: { kind: "waiting", reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` },
      };
    case "running":
      return { ...base, started: true, state: { kind: "running", since: pod.state.since } };
    case "ended":
      return { ...base, state: ended(pod.state.at) };
    case "backing off":
      return {
        ...base,
        last: ended(pod.state.endedAt),
        state: { kind: "waiting", reason: "CrashLoopBackOff", message: "back-off restarting failed container" },
      };
  }
}

const ended = (finishedAt: number): ContainerState => ({
  kind: "terminated",
  exitCode: 1,
  signal: null,
  reason: "Error",
  message: "",
  finishedAt,
});
