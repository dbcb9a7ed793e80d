import type { Kind } from "./kinds.ts";
import { fields, items, text, type KubeObject } from "./object.ts";

type Cell = string | number;
type Column = readonly [name: string, cell: (object: KubeObject) => Cell, priority?: number];

/** The rows that `kubectl get` prints: the API server renders them, not kubectl. */
export function table(
  kind: Kind,
  objects: readonly KubeObject[],
  { nowMs, revision }: { nowMs: number; revision: string },
): object {
  const columns: Column[] = [["Name", ({ metadata }) => metadata.name], ...(columnsOf[kind.kind] ?? [])];
  if (kind.kind !== "Event") columns.push(["Age", ({ metadata }) => age(metadata.creationTimestamp, nowMs)]);
  else
    columns.splice(0, 1, [
      "Last Seen",
      (event) => age(text(event["lastTimestamp"] ?? event["eventTime"] ?? event.metadata.creationTimestamp), nowMs),
    ]);
  columns.push(...(wideColumns[kind.kind] ?? []));
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: revision },
    columnDefinitions: columns.map(([name, , priority = 0]) => ({
      name,
      type: "string",
      format: name === "Name" ? "name" : "",
      description: name,
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(([, cell]) => cell(object)),
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
    })),
  };
}

const columnsOf: Readonly<Record<string, Column[]>> = {
  Namespace: [["Status", ({ status }) => text(status?.["phase"], "Active")]],
  Node: [
    ["Status", () => "Ready"],
    ["Roles", () => "<none>"],
    ["Version", () => "v1.36.0"],
  ],
  Pod: [
    ["Ready", readyContainers],
    ["Status", podStatus],
    ["Restarts", restarts],
  ],
  Deployment: [
    ["Ready", ({ spec, status }) => `${count(status?.["readyReplicas"])}/${count(spec?.["replicas"])}`],
    ["Up-to-date", ({ status }) => count(status?.["updatedReplicas"])],
    ["Available", ({ status }) => count(status?.["availableReplicas"])],
  ],
  ReplicaSet: [
    ["Desired", ({ spec }) => count(spec?.["replicas"])],
    ["Current", ({ status }) => count(status?.["replicas"])],
    ["Ready", ({ status }) => count(status?.["readyReplicas"])],
  ],
  Service: [
    ["Type", ({ spec }) => text(spec?.["type"])],
    ["Cluster-IP", ({ spec }) => text(spec?.["clusterIP"], "<none>")],
    ["External-IP", ({ spec }) => (spec?.["type"] === "LoadBalancer" ? "<pending>" : "<none>")],
    [
      "Port(s)",
      ({ spec }) =>
        items(spec?.["ports"])
          .map((port) => `${text(port["port"])}/${text(port["protocol"], "TCP")}`)
          .join(","),
    ],
  ],
  Ingress: [
    ["Class", ({ spec }) => text(spec?.["ingressClassName"], "<none>")],
    [
      "Hosts",
      ({ spec }) =>
        items(spec?.["rules"])
          .map((rule) => text(rule["host"], "*"))
          .join(",") || "*",
    ],
    ["Address", () => "127.0.0.1"],
    ["Ports", ({ spec }) => (items(spec?.["tls"]).length > 0 ? "80, 443" : "80")],
  ],
  Event: [
    ["Type", (event) => text(event["type"])],
    ["Reason", (event) => text(event["reason"])],
    [
      "Object",
      (event) =>
        `${text(fields(event["involvedObject"])["kind"]).toLowerCase()}/${text(fields(event["involvedObject"])["name"])}`,
    ],
    ["Message", (event) => text(event["message"])],
  ],
  Secret: [
    ["Type", (secret) => text(secret["type"])],
    ["Data", (secret) => Object.keys(fields(secret["data"])).length],
  ],
  ConfigMap: [["Data", (map) => Object.keys(fields(map["data"])).length]],
};

const wideColumns: Readonly<Record<string, Column[]>> = {
  Pod: [
    ["IP", ({ status }) => text(status?.["podIP"], "<none>"), 1],
    ["Node", ({ spec }) => text(spec?.["nodeName"], "<none>"), 1],
  ],
  Deployment: [
    [
      "Images",
      ({ spec }) =>
        items(fields(fields(spec?.["template"])["spec"])["containers"])
          .map(({ image }) => text(image))
          .join(","),
      1,
    ],
  ],
};

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function statuses(pod: KubeObject) {
  return items(pod.status?.["containerStatuses"]);
}

function readyContainers(pod: KubeObject): string {
  return `${statuses(pod).filter(({ ready }) => ready === true).length}/${items(pod.spec?.["containers"]).length}`;
}

function restarts(pod: KubeObject): number {
  return statuses(pod).reduce((sum, { restartCount }) => sum + count(restartCount), 0);
}

/** kubernetes/pkg/printers/internalversion/printers.go printPod, without its init containers. */
function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating";
  for (const { state } of statuses(pod)) {
    const { waiting, terminated } = fields(state);
    const reason = fields(waiting)["reason"] ?? fields(terminated)["reason"];
    if (typeof reason === "string" && reason !== "") return reason;
  }
  return text(pod.status?.["reason"] ?? pod.status?.["phase"], "Pending");
}

function age(since: string | undefined, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since ?? "")) / 1000));
  if (!Number.isFinite(seconds)) return "<unknown>";
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 600) return seconds % 60 === 0 ? `${seconds / 60}m` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  if (seconds < 10_800) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
