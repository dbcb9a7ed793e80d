/** A resource this cluster serves. `home`: who acts on it, the simulator's controllers or nobody (the object is only stored). */
export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly home: "simulator" | "stored";
  readonly subresources: readonly string[];
  /** Below `/registry/` in the simulator's etcd. */
  readonly registry: string;
}

export const kinds: readonly Kind[] = [
  kind("", "v1", "Namespace", "namespaces", ["ns"], {
    namespaced: false,
    home: "simulator",
    subresources: ["status", "finalize"],
  }),
  kind("", "v1", "Node", "nodes", ["no"], { namespaced: false, home: "simulator", subresources: ["status"] }),
  kind("", "v1", "Pod", "pods", ["po"], { home: "simulator", subresources: ["status", "log"] }),
  kind("", "v1", "Service", "services", ["svc"], { home: "simulator", subresources: ["status"] }),
  kind("", "v1", "Event", "events", ["ev"], { home: "simulator" }),
  kind("", "v1", "ConfigMap", "configmaps", ["cm"]),
  kind("", "v1", "Secret", "secrets", []),
  kind("", "v1", "ServiceAccount", "serviceaccounts", ["sa"]),
  kind("", "v1", "ResourceQuota", "resourcequotas", ["quota"], { subresources: ["status"] }),
  kind("", "v1", "LimitRange", "limitranges", ["limits"]),
  kind("apps", "v1", "Deployment", "deployments", ["deploy"], { home: "simulator", subresources: ["status", "scale"] }),
  kind("apps", "v1", "ReplicaSet", "replicasets", ["rs"], { home: "simulator", subresources: ["status", "scale"] }),
  kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", [], { home: "simulator" }),
  kind("networking.k8s.io", "v1", "Ingress", "ingresses", ["ing"], { subresources: ["status"] }),
  kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", ["netpol"]),
  kind("rbac.authorization.k8s.io", "v1", "Role", "roles", []),
  kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", []),
  kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", [], { namespaced: false }),
  kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", [], { namespaced: false }),
  kind("coordination.k8s.io", "v1", "Lease", "leases", []),
  kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ["hpa"], {
    subresources: ["status"],
  }),
  kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ["pdb"], { subresources: ["status"] }),
];

export function kindNamed(name: string): Kind {
  const found = kinds.find((candidate) => candidate.kind === name);
  if (found === undefined) throw new Error(`no kind ${name}`);
  return found;
}

export function kindAt(group: string, version: string, plural: string): Kind | undefined {
  return kinds.find((kind) => kind.group === group && kind.version === version && kind.plural === plural);
}

export function apiVersionOf(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** `deployments.apps`, as error messages name a resource. */
export function resourceName(kind: Kind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}

function kind(
  group: string,
  version: string,
  name: string,
  plural: string,
  shortNames: string[],
  more: { namespaced?: boolean; home?: Kind["home"]; subresources?: string[] } = {},
): Kind {
  const home = more.home ?? "stored";
  const bare = group === "" || group === "apps"; // the simulator's own keys, which its controllers read
  return {
    group,
    version,
    kind: name,
    plural,
    shortNames,
    namespaced: more.namespaced ?? true,
    home,
    subresources: more.subresources ?? [],
    registry: bare ? plural : `${group}/${plural}`,
  };
}
