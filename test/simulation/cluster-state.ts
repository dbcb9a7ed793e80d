import type { Condition, ContainerSpec, EventView } from "../../src/core/cluster.ts";
import { hash } from "../../src/core/hash.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import type { Millis } from "../../src/core/names.ts";
import type { Sim } from "./sim.ts";

/** What an image does once a pod runs it. */
export type Behaviour =
  | "good"
  /** Ready after a minute or two. */
  | "slow"
  /** Exits as soon as it has started, for ever. */
  | "crashes"
  /** Exits once, and is good from then on. */
  | "stumbles"
  /** Becomes ready, and exits some seconds later, for ever. */
  | "crashes later"
  | "never ready"
  | "not pullable"
  | "unschedulable";

export interface ClusterOptions {
  /** As `environments.*.clusters` names it; "default" unless said. */
  readonly name?: string;
  readonly behaviourOf: (digest: string) => Behaviour;
}

/** Everything that changed something in the cluster, in order: what the invariants about writers are judged by. */
export type ClusterWrite =
  | {
      readonly kind: "deployment";
      readonly at: Millis;
      /** `proa`: through the adapter's interface; `hand`: somebody else. */
      readonly by: "proa" | "hand";
      readonly verb: "create" | "apply" | "patch" | "delete";
      readonly namespace: string;
      /** The namespace's own, at that moment: whose it was. */
      readonly namespaceLabels: Readonly<Record<string, string>>;
      readonly deployment: string;
      readonly uid: string;
      /** As the annotations say after the write; null: there is no such annotation, or no number in it. */
      readonly target: string | null;
      readonly revision: number | null;
      /** Of the first container: `sha256:…`, or the image itself where it names no digest. */
      readonly digest: string;
    }
  | {
      readonly kind: "namespace";
      readonly at: Millis;
      readonly by: "proa" | "hand" | "cluster";
      /** `gone`: its content is deleted and its name is free. */
      readonly verb: "create" | "delete" | "gone";
      readonly namespace: string;
      readonly uid: string;
      readonly labels: Readonly<Record<string, string>>;
    };

type Strings = Readonly<Record<string, string>>;

/** Maps are replaced, never changed: what a reader was given stays as it was. */
export interface Meta {
  readonly name: string;
  readonly uid: string;
  readonly createdAt: Millis;
  resourceVersion: number;
  generation: number;
  labels: Strings;
  annotations: Strings;
  deletedAt: Millis | null;
  finalizers: readonly string[];
}

export interface Template {
  /** Everything but the images, by hash. */
  readonly rest: string;
  readonly containers: readonly ContainerSpec[];
  readonly initContainers: readonly ContainerSpec[];
  /** What `kubectl rollout restart` writes into it; "": never. */
  readonly restartedAt: string;
}

export interface DeploymentSpec {
  readonly replicas: number;
  readonly paused: boolean;
  readonly strategy: string;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly progressDeadlineSeconds: number | null;
  readonly revisionHistoryLimit: number;
  readonly template: Template;
}

export interface DeploymentStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  readonly unavailable: number;
  readonly conditions: readonly Condition[];
}

export interface Deployment extends Meta {
  readonly namespace: Namespace;
  spec: DeploymentSpec;
  status: DeploymentStatus;
  /** Who besides Proa owns a field, by the API server's own path. */
  foreign: ReadonlyMap<string, string>;
  syncDue: boolean;
}

export interface ReplicaSet {
  readonly name: string;
  readonly uid: string;
  readonly owner: Deployment;
  readonly createdAt: Millis;
  readonly template: Template;
  readonly templateHash: string;
  revision: number;
  /** The Deployment's, as they were while this was its newest: what `kubectl rollout undo` puts back. */
  annotations: Strings;
  desired: number;
  status: { readonly replicas: number; readonly ready: number; readonly available: number };
  failure: Condition | null;
  syncDue: boolean;
}

export type PodState =
  | { readonly kind: "unschedulable" }
  | { readonly kind: "pulling" }
  | { readonly kind: "not pulled" }
  | { readonly kind: "running"; readonly since: Millis; readonly ready: boolean }
  | { readonly kind: "ended"; readonly at: Millis }
  | { readonly kind: "backing off"; readonly endedAt: Millis };

export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly owner: ReplicaSet;
  readonly createdAt: Millis;
  readonly behaviour: Behaviour;
  state: PodState;
  stateSince: Millis;
  restarts: number;
  deletedAt: Millis | null;
  /** Evicted, preempted: still listed, counted by nobody. */
  lost: string | null;
}

/** Whatever is neither a namespace nor a Deployment. */
export interface PlainObject extends Meta {
  body: KubeObject;
}

export interface Namespace extends Meta {
  conditions: readonly Condition[];
  readonly deployments: Map<string, Deployment>;
  readonly replicaSets: Map<string, ReplicaSet>;
  readonly pods: Map<string, Pod>;
  /** By `Kind/name`. */
  readonly objects: Map<string, PlainObject>;
  events: readonly EventView[];
  /** Pods that may be active at once; null: no quota. */
  podQuota: number | null;
  /** What an admission webhook answers to every change of a Deployment; null: there is none. */
  denies: string | null;
}

export interface ClusterState {
  readonly sim: Sim;
  readonly name: string;
  readonly behaviourOf: ClusterOptions["behaviourOf"];
  readonly namespaces: Map<string, Namespace>;
  readonly log: ClusterWrite[];
  /** One counter for uids and resourceVersions, as etcd's revision is one for all keys. */
  next(): number;
}

export function createState(sim: Sim, { name = "default", behaviourOf }: ClusterOptions): ClusterState {
  let revision = 0;
  return { sim, name, behaviourOf, namespaces: new Map(), log: [], next: () => ++revision };
}

export function createMeta(state: ClusterState, name: string, from: { labels?: Strings; annotations?: Strings }): Meta {
  const n = state.next();
  return {
    name,
    uid: `uid-${state.name}-${n}`,
    createdAt: state.sim.now(),
    resourceVersion: n,
    generation: 0,
    labels: from.labels ?? {},
    annotations: from.annotations ?? {},
    deletedAt: null,
    finalizers: [],
  };
}

/** Every write of an object gives it a new resourceVersion; a change of spec or annotations of a Deployment a new generation. */
export function changed(state: ClusterState, meta: Meta, change: "status" | "spec"): void {
  meta.resourceVersion = state.next();
  if (change === "spec") meta.generation++;
}

const hashes = new WeakMap<Template, string>();

export function templateHash(template: Template): string {
  const known = hashes.get(template);
  if (known !== undefined) return known;
  const { rest, containers, initContainers, restartedAt } = template;
  const images = [...containers, ...initContainers].map(({ image }) => image);
  const fresh = hash([rest, ...images, restartedAt].join());
  hashes.set(template, fresh);
  return fresh;
}

export const digestOf = ({ containers }: Template): string => {
  const image = containers[0]?.image ?? "";
  return image.slice(image.indexOf("@") + 1);
};

/** Most waits are short and a few are long, as in a real cluster. */
export function wait(sim: Sim, least: Millis, most: Millis): Millis {
  const drawn = sim.draw();
  return Math.round(least + (most - least) * drawn * drawn * drawn);
}

export const condition = (type: string, status: string, reason: string, message: string, now: Millis): Condition => ({
  type,
  status,
  reason,
  message,
  since: now,
  updatedAt: now,
});

const MOST_EVENTS = 40;

export function tell(
  state: ClusterState,
  namespace: Namespace,
  event: Pick<EventView, "about" | "reason" | "message">,
) {
  const same = namespace.events.find(({ about, reason }) => about === event.about && reason === event.reason);
  const others = namespace.events.filter((other) => other !== same);
  const told = { type: "Warning", ...event, count: (same?.count ?? 0) + 1, lastAt: state.sim.now() };
  namespace.events = [...others, told].slice(-MOST_EVENTS);
}
