import type { KubeObject } from "../../src/core/manifests.ts";
import { ANNOTATION } from "../../src/core/names.ts";
import type { Controllers } from "./cluster-controllers.ts";
import {
  changed,
  type ClusterState,
  type ClusterWrite,
  createMeta,
  type Deployment,
  digestOf,
  type Namespace,
} from "./cluster-state.ts";

type By = Extract<ClusterWrite, { kind: "deployment" }>["by"];

export function logDeployment(
  state: ClusterState,
  { uid, name, namespace, annotations, spec }: Deployment,
  { by, verb }: { by: By; verb: Extract<ClusterWrite, { kind: "deployment" }>["verb"] },
): void {
  const revision = Number(annotations[ANNOTATION.revision]);
  const write: ClusterWrite = {
    kind: "deployment",
    at: state.sim.now(),
    by,
    verb,
    namespace: namespace.name,
    namespaceLabels: namespace.labels,
    deployment: name,
    uid,
    target: annotations[ANNOTATION.target] ?? null,
    revision: Number.isSafeInteger(revision) ? revision : null,
    digest: digestOf(spec.template),
  };
  state.log.push(write);
  state.sim.note(`${by} ${verb} ${namespace.name}/${name} r${write.revision ?? "-"} ${write.digest.slice(0, 15)}`);
}

export function addNamespace(
  state: ClusterState,
  { name, labels = {}, annotations = {} }: KubeObject["metadata"],
  by: By,
): Namespace {
  const namespace: Namespace = {
    // Every namespace carries its own name as a label: KEP-2161.
    ...createMeta(state, name, { labels: { ...labels, "kubernetes.io/metadata.name": name }, annotations }),
    conditions: [],
    deployments: new Map(),
    replicaSets: new Map(),
    pods: new Map(),
    objects: new Map(),
    events: [],
    podQuota: null,
    denies: null,
  };
  state.namespaces.set(name, namespace);
  logNamespace(state, namespace, { by, verb: "create" });
  return namespace;
}

function logNamespace(state: ClusterState, namespace: Namespace, { by, verb }: { by: By; verb: "create" | "delete" }) {
  const { name, uid, labels } = namespace;
  state.log.push({ kind: "namespace", at: state.sim.now(), by, verb, namespace: name, uid, labels });
  state.sim.note(`${by} ${verb} namespace ${name} ${uid}`);
}

export function terminate(state: ClusterState, controllers: Controllers, namespace: Namespace, by: By): void {
  namespace.deletedAt = state.sim.now();
  changed(state, namespace, "status");
  logNamespace(state, namespace, { by, verb: "delete" });
  controllers.endNamespace(namespace);
}

export function deleteDeployment(state: ClusterState, controllers: Controllers, deployment: Deployment, by: By): void {
  deployment.namespace.deployments.delete(deployment.name);
  logDeployment(state, deployment, { by, verb: "delete" });
  controllers.orphaned(deployment);
}

export function setImage(deployment: Deployment, container: string, image: string): void {
  const { template } = deployment.spec;
  const containers = template.containers.map((known) => (known.name === container ? { ...known, image } : known));
  deployment.spec = { ...deployment.spec, template: { ...template, containers } };
}
