import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { createApi } from "./cluster-api.ts";
import { createControllers } from "./cluster-controllers.ts";
import { createPeople, type People } from "./cluster-people.ts";
import { type ClusterOptions, type ClusterState, type ClusterWrite, createState } from "./cluster-state.ts";
import { isActive, isReady } from "./cluster-views.ts";
import { ANNOTATION } from "../../src/core/names.ts";
import type { Sim, Sync } from "./sim.ts";

export type { Behaviour, ClusterOptions, ClusterWrite } from "./cluster-state.ts";
export type { People as ClusterPeople } from "./cluster-people.ts";

/**
 * A Kubernetes cluster in memory: an API server with the rules that Proa's safeguards rest on (uids, generations, preconditions,
 * field owners, Terminating), and the controllers behind it, which act a seeded moment later.
 */
export interface ClusterModel {
  /** What the kernel turns into calls. */
  readonly kubernetes: Sync<Kubernetes>;
  readonly people: People;
  /** Every write that changed something, in order. */
  readonly log: readonly ClusterWrite[];
  /** What is so now, without a call. */
  readonly truth: ClusterTruth;
}

export interface ClusterTruth {
  /** Sorted by name; also those that are Terminating. */
  namespaces(): NamespaceTruth[];
  /** null: there is none. */
  namespace(name: string): NamespaceTruth | null;
}

export interface NamespaceTruth {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly terminating: boolean;
  /** A finalizer holds it, or will. */
  readonly held: boolean;
  /** Sorted by name. */
  readonly deployments: readonly DeploymentTruth[];
}

export interface DeploymentTruth {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | null;
  readonly revision: number | null;
  readonly commit: string | null;
  /** Of the first container. */
  readonly image: string;
  readonly replicas: number;
  readonly paused: boolean;
  /** Images of pods that serve, each once. */
  readonly serving: readonly string[];
}

export function createClusterModel(sim: Sim, options: ClusterOptions): ClusterModel {
  const state = createState(sim, options);
  const controllers = createControllers(state);
  return {
    kubernetes: createApi(state, controllers),
    people: createPeople(state, controllers),
    log: state.log,
    truth: truthOf(state),
  };
}

function truthOf(state: ClusterState): ClusterTruth {
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  const read = (name: string): NamespaceTruth | null => {
    const namespace = state.namespaces.get(name);
    if (namespace === undefined) return null;
    const { uid, labels, deletedAt, finalizers } = namespace;
    const pods = [...namespace.pods.values()].filter((pod) => isActive(pod) && isReady(pod));
    const deployments = [...namespace.deployments.values()].map((deployment): DeploymentTruth => {
      const { annotations, spec } = deployment;
      const own = pods.filter(({ owner }) => owner.owner === deployment);
      const revision = Number(annotations[ANNOTATION.revision]);
      return {
        name: deployment.name,
        uid: deployment.uid,
        labels: deployment.labels,
        target: annotations[ANNOTATION.target] ?? null,
        revision: Number.isSafeInteger(revision) ? revision : null,
        commit: annotations[ANNOTATION.commit] ?? null,
        image: spec.template.containers[0]?.image ?? "",
        replicas: spec.replicas,
        paused: spec.paused,
        serving: [...new Set(own.flatMap(({ owner }) => owner.template.containers.map(({ image }) => image)))].sort(),
      };
    });
    return {
      name,
      uid,
      labels,
      terminating: deletedAt !== null,
      held: finalizers.length > 0,
      deployments: deployments.sort(byName),
    };
  };
  return {
    namespace: read,
    namespaces: () =>
      [...state.namespaces.keys()]
        .map(read)
        .filter((namespace) => namespace !== null)
        .sort(byName),
  };
}
