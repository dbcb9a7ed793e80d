import type { Condition, ContainerView, PodView } from "./cluster.ts";
import type { Millis } from "./names.ts";

/** What the walk knows from elsewhere, and a pod's status alone cannot tell. */
export interface Evidence {
  /** The registry itself says now that the image is absent or not ours to read. */
  readonly imageMissing: boolean;
  /** Events say that an autoscaler is bringing a node (`scalesUp` in diagnosis-events.ts). */
  readonly scalingUp: boolean;
}

export const NO_EVIDENCE: Evidence = { imageMissing: false, scalingUp: false };

/** Why a pod will not come up by waiting. */
export interface Doom {
  readonly kind: "crash" | "out-of-memory" | "pull" | "image-name" | "config" | "start" | "unschedulable";
  /** null: the pod as a whole. */
  readonly container: string | null;
  readonly because: string;
  readonly fault: "application" | "infrastructure";
}

const SECONDS = 1000;
/** A hiccup of the registry, or its throttling of a fresh node, heals itself within minutes. */
const PULL_PATIENCE = 300 * SECONDS;
/** An autoscaler needs about this long to bring a node. */
const SCHEDULE_PATIENCE = 180 * SECONDS;
/** Secrets and ConfigMaps may be made a moment after the Deployment that names them. */
const CONFIG_PATIENCE = 10 * SECONDS;

/**
 * Whether a pod is beyond hope, and why. One early restart, a slow pull or a full cluster is not proof; what a look at the same
 * status a minute later could not change is. Evictions and lost nodes are never the pod's own end: its ReplicaSet makes another.
 */
export function podDoom(pod: PodView, now: Millis, evidence: Evidence = NO_EVIDENCE): Doom | null {
  if (!isActive(pod) || isDisrupted(pod)) return null;
  const scheduled = condition(pod, "PodScheduled");
  if (scheduled?.status === "False") return unschedulable(scheduled, pod, now, evidence);
  const since = scheduled?.since ?? pod.createdAt;
  for (const [container, init] of containersOf(pod)) {
    const doom = containerDoom(container, now - since, evidence);
    if (doom !== null) return init ? { ...doom, because: `init container ${doom.because}` } : doom;
  }
  return null;
}

/** Pods that a ReplicaSet still counts: not on their way out, not ended. */
export const isActive = (pod: PodView): boolean =>
  pod.deletedAt === null && pod.phase !== "Failed" && pod.phase !== "Succeeded";

/** Taken down by the cluster, not by itself: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
export const isDisrupted = (pod: PodView): boolean =>
  /^(Evicted|Preempting|Preempted|NodeLost|NodeShutdown|Shutdown|Terminated)$/.test(pod.reason ?? "") ||
  condition(pod, "DisruptionTarget")?.status === "True";

/** Init containers first: while one of them fails, the others have not begun. */
export const containersOf = (pod: PodView): [container: ContainerView, init: boolean][] => [
  ...pod.initContainers.map((container): [ContainerView, boolean] => [container, true]),
  ...pod.containers.map((container): [ContainerView, boolean] => [container, false]),
];

/** The most recent end of a container: this run's, or the one before. */
export function lastEnd(container: ContainerView) {
  if (container.state.kind === "terminated") return container.state;
  return container.last.kind === "terminated" ? container.last : null;
}

export const isPullFailure = (reason: string): boolean =>
  /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|RegistryUnavailable|ImageInspectError|SignatureValidationFailed)$/.test(
    reason,
  );

/** containerd reports a command that does not exist as StartError with exit 128, where Docker used 127. */
export const isBadCommand = (message: string): boolean =>
  /executable file not found|no such file or directory|permission denied|exec format error|not a directory/i.test(
    message,
  );

const condition = (pod: PodView, type: string): Condition | undefined =>
  pod.conditions.find((candidate) => candidate.type === type);

function unschedulable(scheduled: Condition, pod: PodView, now: Millis, evidence: Evidence): Doom | null {
  // Other reasons (SchedulingGated) are somebody's wish that it waits.
  if (scheduled.reason !== "Unschedulable" || evidence.scalingUp) return null;
  if (now - (scheduled.since ?? pod.createdAt) < SCHEDULE_PATIENCE) return null;
  const because = `no node can run the pod: ${scheduled.message}`;
  return { kind: "unschedulable", container: null, because, fault: "infrastructure" };
}

function containerDoom(container: ContainerView, age: Millis, evidence: Evidence): Doom | null {
  const { name, state } = container;
  if (container.ready) return null;
  const doom = (kind: Doom["kind"], because: string): Doom => {
    return { kind, container: name, because: `${name}: ${because}`, fault: "application" };
  };
  if (state.kind === "waiting") {
    const { reason, message } = state;
    if (reason === "InvalidImageName") return doom("image-name", `${container.image} is not a valid image name`);
    if (reason === "ErrImageNeverPull") return doom("pull", `${reason} on ${container.image}`);
    if (isPullFailure(reason)) {
      const hopeless = evidence.imageMissing || age >= PULL_PATIENCE || /no match for platform/i.test(message);
      return hopeless ? doom("pull", `${reason} on ${container.image}`) : null;
    }
    if (reason === "CreateContainerConfigError") {
      // The kubelet's own caches fill up a moment after the pod arrives.
      const early = age < CONFIG_PATIENCE || /failed to sync .* cache/i.test(message);
      return early ? null : doom("config", message);
    }
    if (/^(RunContainerError|CreateContainerError)$/.test(reason)) {
      return isBadCommand(message) ? doom("start", message) : null;
    }
  }
  return crashDoom(container, doom);
}

/** The kubelet restarts at once after the first end and backs off after the second: a back-off with a failing exit is proof. */
function crashDoom(container: ContainerView, doom: (kind: Doom["kind"], because: string) => Doom): Doom | null {
  const end = lastEnd(container);
  const backingOff = container.state.kind === "waiting" && container.state.reason === "CrashLoopBackOff";
  const again = container.restarts >= 2;
  if (end === null) return backingOff && again ? doom("crash", "crashing repeatedly") : null;
  if (end.reason === "OOMKilled" && (again || backingOff)) {
    return doom("out-of-memory", `killed for using more memory than its limit (${times(container.restarts)})`);
  }
  if (container.state.kind === "running") return null;
  if (/^(StartError|ContainerCannotRun)$/.test(end.reason)) {
    if (isBadCommand(end.message)) return doom("start", end.message);
    // 128 without such a message is the node's fault, and another attempt may go well: krane ignores it too.
    return end.exitCode === 128 ? null : doom("start", `failed to start (exit ${end.exitCode})`);
  }
  const hopeless = backingOff ? again || (end.exitCode !== 0 && container.restarts >= 1) : again && end.exitCode !== 0;
  return hopeless ? doom("crash", `crashing repeatedly (exit ${end.exitCode})`) : null;
}

const times = (n: number): string => (n === 1 ? "once" : `${n} times`);
