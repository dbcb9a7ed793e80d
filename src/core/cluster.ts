import type { Millis } from "./names.ts";

/**
 * What we read of a cluster, already parsed: only the fields that a judgement or a report uses. Times are milliseconds.
 * Absent numbers are the API's own defaults (0 for counters in a status, 1 for `spec.replicas`).
 */
export interface NamespaceView {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: Millis;
  /** Set once deletion has begun. */
  readonly deletedAt: Millis | null;
  readonly phase: string;
  /** `NamespaceDeletionContentFailure`, `NamespaceFinalizersRemaining`, … while Terminating. */
  readonly conditions: readonly Condition[];
}

export interface DeploymentView {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: Millis;
  readonly paused: boolean;
  readonly replicas: number;
  readonly strategy: string;
  /** null: not set; the API's "none" is 2147483647. */
  readonly progressDeadlineSeconds: number | null;
  readonly containers: readonly ContainerSpec[];
  readonly initContainers: readonly ContainerSpec[];
  readonly status: {
    /** 0 when the controller has never looked. */
    readonly observedGeneration: number;
    readonly replicas: number;
    readonly updated: number;
    readonly ready: number;
    readonly available: number;
    readonly unavailable: number;
    readonly conditions: readonly Condition[];
  };
  /** managers (other than ours and the controllers') that own `.spec.template…image` or `.spec.replicas`. */
  readonly foreignManagers: readonly string[];
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly readiness: ProbeSpec | null;
  readonly liveness: ProbeSpec | null;
  readonly startup: ProbeSpec | null;
  readonly ports: readonly number[];
}

/** How a probe asks, in words for a person: `http :8080/healthz`, `tcp :8080`, `exec "cat /tmp/ok"`, `grpc :9000`. */
export interface ProbeSpec {
  readonly kind: "http" | "tcp" | "exec" | "grpc";
  readonly target: string;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: Millis | null;
  readonly updatedAt: Millis | null;
}

export interface ReplicaSetView {
  readonly name: string;
  readonly uid: string;
  readonly ownerUid: string | null;
  /** `deployment.kubernetes.io/revision`. */
  readonly revision: string | null;
  readonly createdAt: Millis;
  readonly replicas: number;
  readonly ready: number;
  readonly available: number;
  readonly images: readonly string[];
  readonly conditions: readonly Condition[];
}

export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly ownerUid: string | null;
  readonly createdAt: Millis;
  readonly deletedAt: Millis | null;
  readonly phase: string;
  /** `Evicted`, `Preempting`, `NodeLost`, … */
  readonly reason: string | null;
  readonly message: string | null;
  readonly node: string | null;
  readonly conditions: readonly Condition[];
  readonly containers: readonly ContainerView[];
  readonly initContainers: readonly ContainerView[];
}

export interface ContainerView {
  readonly name: string;
  readonly image: string;
  readonly ready: boolean;
  /** null: the kubelet has not reported a startup probe's result. */
  readonly started: boolean | null;
  readonly restarts: number;
  readonly state: ContainerState;
  readonly last: ContainerState;
}

export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly message: string }
  | { readonly kind: "running"; readonly since: Millis | null }
  | {
      readonly kind: "terminated";
      readonly exitCode: number;
      readonly signal: number | null;
      readonly reason: string;
      readonly message: string;
      readonly finishedAt: Millis | null;
    }
  | { readonly kind: "unknown" };

export interface EventView {
  /** `Pod/web-abc`, `ReplicaSet/…`, `Deployment/…` */
  readonly about: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly lastAt: Millis | null;
}

/** Everything of one namespace that a rollout is judged by, read in one go. */
export interface Workloads {
  readonly deployments: readonly DeploymentView[];
  readonly replicaSets: readonly ReplicaSetView[];
  readonly pods: readonly PodView[];
}
