import { pathSegment } from "./path-segment.ts";

/** Where a kind lives in the API: its plural, and whether objects of it belong to a namespace. */
export interface Resource {
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectName {
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Kinds that need no discovery request: those of our templates and the usual ones beside them. */
const KNOWN: Readonly<Record<string, Resource>> = {
  "v1/Namespace": { plural: "namespaces", namespaced: false },
  "v1/ConfigMap": { plural: "configmaps", namespaced: true },
  "v1/LimitRange": { plural: "limitranges", namespaced: true },
  "v1/ResourceQuota": { plural: "resourcequotas", namespaced: true },
  "v1/Secret": { plural: "secrets", namespaced: true },
  "v1/Service": { plural: "services", namespaced: true },
  "v1/ServiceAccount": { plural: "serviceaccounts", namespaced: true },
  "apps/v1/Deployment": { plural: "deployments", namespaced: true },
  "networking.k8s.io/v1/Ingress": { plural: "ingresses", namespaced: true },
  "networking.k8s.io/v1/NetworkPolicy": { plural: "networkpolicies", namespaced: true },
  "policy/v1/PodDisruptionBudget": { plural: "poddisruptionbudgets", namespaced: true },
  "rbac.authorization.k8s.io/v1/Role": { plural: "roles", namespaced: true },
  "rbac.authorization.k8s.io/v1/RoleBinding": { plural: "rolebindings", namespaced: true },
};

export const knownResource = (apiVersion: string, kind: string): Resource | null =>
  KNOWN[`${apiVersion}/${kind}`] ?? null;

/** `/api/v1` or `/apis/apps/v1`: asked itself, it lists the group's resources. */
export const groupPath = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

export function collectionPath(object: ObjectName, resource: Resource): string {
  const { name, namespace } = object.metadata;
  if (!resource.namespaced) return `${groupPath(object.apiVersion)}/${resource.plural}`;
  if (namespace === undefined) throw new Error(`${resource.plural}/${name} names no namespace`);
  return `${groupPath(object.apiVersion)}/namespaces/${pathSegment(namespace)}/${resource.plural}`;
}

export const objectPath = (object: ObjectName, resource: Resource): string =>
  `${collectionPath(object, resource)}/${pathSegment(object.metadata.name)}`;
