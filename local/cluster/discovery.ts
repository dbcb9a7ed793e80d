import { apiVersionOf, kinds, type Kind } from "./kinds.ts";
import { StatusError } from "./status.ts";

/** What a client asks to find its way: versions, groups, resources, and just enough OpenAPI. */
export function discover(path: string): object | undefined {
  if (path === "/version")
    return { major: "1", minor: "36", gitVersion: "v1.36.0-proa.local", platform: `linux/${process.arch}` };
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (path === "/apis") return { kind: "APIGroupList", apiVersion: "v1", groups: groups() };
  if (path === "/openapi/v3")
    return {
      paths: Object.fromEntries(
        groupVersions().map(([version, at]) => [
          at.slice(1),
          { serverRelativeURL: `/openapi/v3${at}?hash=${version}` },
        ]),
      ),
    };
  for (const [version, at] of groupVersions()) {
    if (path === at) return resourceList(version);
    if (path === `/openapi/v3${at}`) return openApi(version);
  }
  const group = groups().find(({ name }) => path === `/apis/${name}`);
  return group === undefined ? undefined : { kind: "APIGroup", apiVersion: "v1", ...group };
}

function groupVersions(): [version: string, path: string][] {
  const versions = [...new Set(kinds.map((kind) => apiVersionOf(kind)))];
  return versions.map((version) => [version, version === "v1" ? "/api/v1" : `/apis/${version}`]);
}

function groups() {
  const named = groupVersions().filter(([version]) => version !== "v1");
  return named.map(([groupVersion]) => {
    const [name = "", version = ""] = groupVersion.split("/");
    return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
  });
}

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

function resourceList(version: string): object {
  const resources = kinds
    .filter((kind) => apiVersionOf(kind) === version)
    .flatMap((kind) => [
      {
        name: kind.plural,
        singularName: kind.kind.toLowerCase(),
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs,
        shortNames: kind.shortNames,
        ...(inAll.has(kind.kind) ? { categories: ["all"] } : {}),
      },
      ...kind.subresources.map((subresource) => ({
        name: `${kind.plural}/${subresource}`,
        singularName: "",
        namespaced: kind.namespaced,
        kind: subresource === "scale" ? "Scale" : kind.kind,
        ...(subresource === "scale" ? { group: "autoscaling", version: "v1" } : {}),
        verbs: ["get", "patch", "update"],
      })),
    ]);
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: version, resources };
}

const inAll = new Set(["Pod", "Service", "Deployment", "ReplicaSet", "HorizontalPodAutoscaler"]);

/** kubectl looks only for one thing here: that PATCH knows `fieldValidation`. It then leaves validation to the server. */
function openApi(version: string): object {
  const ofVersion = kinds.filter((kind) => apiVersionOf(kind) === version);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.36.0" },
    paths: Object.fromEntries(ofVersion.map((kind) => [pathOf(kind), { patch: operation(kind) }])),
    components: { schemas: {} },
  };
}

function pathOf(kind: Kind): string {
  const base = kind.group === "" ? "/api/v1" : `/apis/${apiVersionOf(kind)}`;
  return `${base}${kind.namespaced ? "/namespaces/{namespace}" : ""}/${kind.plural}/{name}`;
}

function operation({ group, version, kind }: Kind): object {
  const query = (name: string) => ({ name, in: "query", schema: { type: "string", uniqueItems: true } });
  return {
    "x-kubernetes-action": "patch",
    "x-kubernetes-group-version-kind": { group, version, kind },
    parameters: ["dryRun", "fieldManager", "fieldValidation", "force"].map((name) => query(name)),
    responses: {},
  };
}

/** Whether the group and version of a path are served at all; where they are not, a real server answers as any web server does. */
export function isServed(path: string): boolean {
  const [, core, named] = /^\/(?:api\/([^/]+)|apis\/([^/]+\/[^/]+))/.exec(path) ?? [];
  return kinds.some((kind) => apiVersionOf(kind) === (core ?? named));
}

export function unknownPath(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}
