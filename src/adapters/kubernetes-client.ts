import type { DeploymentView, NamespaceView, Workloads } from "../core/cluster.ts";
import { LABEL, MANAGED_BY } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import { createCalls } from "./kubernetes-calls.ts";
import { refusal, thrown } from "./kubernetes-errors.ts";
import {
  parseDeployment,
  parseEvent,
  parseNamespace,
  parsePod,
  parseReplicaSet,
  parseSecret,
} from "./kubernetes-parse.ts";
import type { Connection } from "./kubernetes-request.ts";
import { createWrites } from "./kubernetes-writes.ts";
import type { Kubernetes } from "./kubernetes.ts";
import { pathSegment } from "./path-segment.ts";

export interface KubernetesOptions extends Connection {
  /** The cluster's name in Proa's config. */
  readonly cluster: string;
  readonly fieldManager: string;
}

/** Far more than the last lines of a container, and a bound on what one of them can cost. */
const LOG_BYTES = 256 * 1024;

/** One cluster behind `Kubernetes`, over kept connections; nothing is sent before the first call. */
export function createKubernetes(options: KubernetesOptions): Kubernetes {
  const calls = createCalls(options);
  const { read, pages } = calls;
  const managed = `${LABEL.managedBy}=${MANAGED_BY}`;
  const deployments = (values: readonly unknown[]): DeploymentView[] =>
    values.map((value) => parseDeployment(value, options.fieldManager));

  async function byName(name: string): Promise<NamespaceView | null> {
    const value = await read(`get namespaces ${name}`, `/api/v1/namespaces/${pathSegment(name)}`);
    return value === null ? null : parseNamespace(value);
  }

  async function listed(namespace: string, names: readonly string[] | undefined): Promise<Workloads> {
    const [apps, core] = [`/apis/apps/v1/${inNamespace(namespace)}`, `/api/v1/${inNamespace(namespace)}`];
    const [found, replicaSets, pods] = await Promise.all([
      pages(
        `list deployments ${namespace}`,
        `${apps}/deployments`,
        names === undefined ? { labelSelector: managed } : {},
      ),
      pages(`list replicasets ${namespace}`, `${apps}/replicasets`),
      pages(`list pods ${namespace}`, `${core}/pods`),
    ]);
    const wanted = deployments(found).filter((deployment) => names === undefined || names.includes(deployment.name));
    return owned({ deployments: wanted, replicaSets: replicaSets.map(parseReplicaSet), pods: pods.map(parsePod) });
  }

  return {
    cluster: options.cluster,

    namespace: byName,

    async ourNamespaces() {
      return (await pages("list namespaces", "/api/v1/namespaces", { labelSelector: managed })).map(parseNamespace);
    },

    async workloads(namespace, names) {
      try {
        return await listed(namespace, names);
      } catch (error) {
        // A namespace that is deleted takes its bindings with it, and RBAC answers before anybody looks: what would be an empty list
        // to others is refused to us.
        if (!(error instanceof OutsideError) || error.problem.missing === undefined) throw error;
        const place = await byName(namespace);
        if (place !== null && place.deletedAt === null) throw error;
        return { deployments: [], replicaSets: [], pods: [] };
      }
    },

    async deployment(namespace, name) {
      const path = `/apis/apps/v1/${inNamespace(namespace)}/deployments/${pathSegment(name)}`;
      const value = await read(`get deployments ${namespace}/${name}`, path);
      return value === null ? null : parseDeployment(value, options.fieldManager);
    },

    async events(namespace, since) {
      const found = await pages(`list events ${namespace}`, `/api/v1/${inNamespace(namespace)}/events`);
      return found
        .map(parseEvent)
        .filter((event) => (event.lastAt ?? 0) >= since)
        .sort((a, b) => (a.lastAt ?? 0) - (b.lastAt ?? 0));
    },

    async logs(namespace, pod, container, { previous, lines }) {
      const reply = await calls.send({
        method: "GET",
        path: `/api/v1/${inNamespace(namespace)}/pods/${pathSegment(pod)}/log`,
        query: { container, previous: String(previous), tailLines: String(lines), limitBytes: String(LOG_BYTES) },
      });
      if (reply.status === 200) return reply.text;
      // 400: the container waits to start, or there was no earlier run. Both mean: no lines.
      if (reply.status === 400 || reply.status === 404) return "";
      throw thrown(refusal(`get logs ${namespace}/${pod}`, false, reply));
    },

    async secret(namespace, name) {
      const path = `/api/v1/${inNamespace(namespace)}/secrets/${pathSegment(name)}`;
      const value = await read(`get secrets ${namespace}/${name}`, path);
      return value === null ? null : parseSecret(value);
    },

    ...createWrites(calls, options.fieldManager),
  };
}

const inNamespace = (namespace: string): string => `namespaces/${pathSegment(namespace)}`;

/** ReplicaSets and Pods of other people's Deployments in the same namespace are none of our business. */
function owned({ deployments, replicaSets, pods }: Workloads): Workloads {
  const deploymentUids = new Set(deployments.map((deployment) => deployment.uid));
  const ourSets = replicaSets.filter((set) => set.ownerUid !== null && deploymentUids.has(set.ownerUid));
  const setUids = new Set(ourSets.map((set) => set.uid));
  const ourPods = pods.filter((pod) => pod.ownerUid !== null && setUids.has(pod.ownerUid));
  return { deployments, replicaSets: ourSets, pods: ourPods };
}
