import type {
  Condition,
  ContainerSpec,
  ContainerState,
  ContainerView,
  DeploymentView,
  EventView,
  NamespaceView,
  PodView,
  ProbeSpec,
  ReplicaSetView,
} from "../core/cluster.ts";
import { list, number, object, text, texts, time, unreadable, type Json } from "./kubernetes-json.ts";

export function parseNamespace(value: unknown): NamespaceView {
  const meta = metadata(value, "Namespace");
  const status = object(object(value)["status"]);
  return {
    name: meta.name,
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    labels: meta.labels,
    annotations: meta.annotations,
    createdAt: meta.createdAt,
    deletedAt: meta.deletedAt,
    phase: text(status["phase"], "Active"),
    conditions: list(status["conditions"]).map(condition),
  };
}

export function parseDeployment(value: unknown, fieldManager: string): DeploymentView {
  const meta = metadata(value, "Deployment");
  const spec = object(object(value)["spec"]);
  const status = object(object(value)["status"]);
  const template = object(object(spec["template"])["spec"]);
  return {
    name: meta.name,
    namespace: meta.namespace,
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    generation: number(meta.raw["generation"], 0),
    labels: meta.labels,
    annotations: meta.annotations,
    createdAt: meta.createdAt,
    paused: spec["paused"] === true,
    replicas: number(spec["replicas"], 1),
    strategy: text(object(spec["strategy"])["type"], "RollingUpdate"),
    progressDeadlineSeconds:
      typeof spec["progressDeadlineSeconds"] === "number" ? spec["progressDeadlineSeconds"] : null,
    containers: list(template["containers"]).map(containerSpec),
    initContainers: list(template["initContainers"]).map(containerSpec),
    status: {
      observedGeneration: number(status["observedGeneration"], 0),
      replicas: number(status["replicas"], 0),
      updated: number(status["updatedReplicas"], 0),
      ready: number(status["readyReplicas"], 0),
      available: number(status["availableReplicas"], 0),
      unavailable: number(status["unavailableReplicas"], 0),
      conditions: list(status["conditions"]).map(condition),
    },
    foreignManagers: foreignManagers(meta.raw["managedFields"], fieldManager),
  };
}

export function parseReplicaSet(value: unknown): ReplicaSetView {
  const meta = metadata(value, "ReplicaSet");
  const spec = object(object(value)["spec"]);
  const status = object(object(value)["status"]);
  const template = object(object(spec["template"])["spec"]);
  return {
    name: meta.name,
    uid: meta.uid,
    ownerUid: meta.ownerUid,
    revision: meta.annotations["deployment.kubernetes.io/revision"] ?? null,
    createdAt: meta.createdAt,
    replicas: number(status["replicas"], 0),
    ready: number(status["readyReplicas"], 0),
    available: number(status["availableReplicas"], 0),
    images: list(template["containers"]).map((container) => text(object(container)["image"])),
    conditions: list(status["conditions"]).map(condition),
  };
}

export function parsePod(value: unknown): PodView {
  const meta = metadata(value, "Pod");
  const status = object(object(value)["status"]);
  return {
    name: meta.name,
    uid: meta.uid,
    ownerUid: meta.ownerUid,
    createdAt: meta.createdAt,
    deletedAt: meta.deletedAt,
    phase: text(status["phase"], "Unknown"),
    reason: text(status["reason"]) || null,
    message: text(status["message"]) || null,
    node: text(object(object(value)["spec"])["nodeName"]) || null,
    conditions: list(status["conditions"]).map(condition),
    containers: list(status["containerStatuses"]).map(containerView),
    initContainers: list(status["initContainerStatuses"]).map(containerView),
  };
}

export function parseEvent(value: unknown): EventView {
  const event = object(value);
  const about = object(event["involvedObject"]);
  const series = object(event["series"]);
  return {
    about: `${text(about["kind"])}/${text(about["name"])}`,
    type: text(event["type"], "Normal"),
    reason: text(event["reason"]),
    message: text(event["message"]),
    // Newer reporters (events.k8s.io) leave count and lastTimestamp empty and count in `series`.
    count: number(series["count"], number(event["count"], 1)),
    lastAt:
      time(series["lastObservedTime"]) ??
      time(event["lastTimestamp"]) ??
      time(event["eventTime"]) ??
      time(event["firstTimestamp"]) ??
      time(object(event["metadata"])["creationTimestamp"]),
  };
}

export function parseSecret(value: unknown): {
  labels: Record<string, string>;
  data: Record<string, string>;
  resourceVersion: string;
} {
  const meta = metadata(value, "Secret");
  return { labels: meta.labels, data: texts(object(value)["data"]), resourceVersion: meta.resourceVersion };
}

/** What every written object answers with, whatever its kind. */
export function parseWritten(value: unknown): {
  uid: string;
  generation: number;
  resourceVersion: string;
  observedGeneration: number;
} {
  const meta = metadata(value, "object");
  return {
    uid: meta.uid,
    // Kinds without a generation (Secret, Service, …) have nothing that a controller would have to catch up with.
    generation: number(meta.raw["generation"], 0),
    resourceVersion: meta.resourceVersion,
    observedGeneration: number(object(object(value)["status"])["observedGeneration"], 0),
  };
}

function metadata(value: unknown, kind: string) {
  const raw = object(object(value)["metadata"]);
  const [name, uid] = [text(raw["name"]), text(raw["uid"])];
  if (name === "" || uid === "") throw unreadable(`a ${kind} that has no name or uid`);
  const owner = list(raw["ownerReferences"])
    .map(object)
    .find((reference) => reference["controller"] === true);
  return {
    raw,
    name,
    uid,
    namespace: text(raw["namespace"]),
    resourceVersion: text(raw["resourceVersion"]),
    labels: texts(raw["labels"]),
    annotations: texts(raw["annotations"]),
    createdAt: time(raw["creationTimestamp"]) ?? 0,
    deletedAt: time(raw["deletionTimestamp"]),
    ownerUid: text(owner?.["uid"]) || null,
  };
}

function condition(value: unknown): Condition {
  const raw = object(value);
  return {
    type: text(raw["type"]),
    status: text(raw["status"], "Unknown"),
    reason: text(raw["reason"]),
    message: text(raw["message"]),
    since: time(raw["lastTransitionTime"]),
    updatedAt: time(raw["lastUpdateTime"]),
  };
}

function containerSpec(value: unknown): ContainerSpec {
  const raw = object(value);
  const ports = list(raw["ports"]).map(object);
  return {
    name: text(raw["name"]),
    image: text(raw["image"]),
    readiness: probe(raw["readinessProbe"], ports),
    liveness: probe(raw["livenessProbe"], ports),
    startup: probe(raw["startupProbe"], ports),
    ports: ports.map((port) => number(port["containerPort"], 0)),
  };
}

function probe(value: unknown, ports: readonly Json[]): ProbeSpec | null {
  const raw = object(value);
  const [http, tcp, exec, grpc] = [
    object(raw["httpGet"]),
    object(raw["tcpSocket"]),
    object(raw["exec"]),
    object(raw["grpc"]),
  ];
  if (raw["httpGet"] !== undefined)
    return { kind: "http", target: `:${portOf(http["port"], ports)}${text(http["path"], "/")}` };
  if (raw["tcpSocket"] !== undefined) return { kind: "tcp", target: `:${portOf(tcp["port"], ports)}` };
  if (raw["exec"] !== undefined) return { kind: "exec", target: list(exec["command"]).map(String).join(" ") };
  if (raw["grpc"] !== undefined) return { kind: "grpc", target: `:${portOf(grpc["port"], ports)}` };
  return null;
}

/** A probe may name its port; people look for the number. */
function portOf(port: unknown, ports: readonly Json[]): string {
  const named = ports.find((candidate) => candidate["name"] === port)?.["containerPort"];
  return String(named ?? port);
}

function containerView(value: unknown): ContainerView {
  const raw = object(value);
  return {
    name: text(raw["name"]),
    image: text(raw["image"]),
    ready: raw["ready"] === true,
    started: typeof raw["started"] === "boolean" ? raw["started"] : null,
    restarts: number(raw["restartCount"], 0),
    state: containerState(raw["state"]),
    last: containerState(raw["lastState"]),
  };
}

function containerState(value: unknown): ContainerState {
  const raw = object(value);
  const [waiting, running, ended] = [object(raw["waiting"]), object(raw["running"]), object(raw["terminated"])];
  if (raw["waiting"] !== undefined)
    return { kind: "waiting", reason: text(waiting["reason"]), message: text(waiting["message"]) };
  if (raw["running"] !== undefined) return { kind: "running", since: time(running["startedAt"]) };
  if (raw["terminated"] === undefined) return { kind: "unknown" };
  return {
    kind: "terminated",
    exitCode: number(ended["exitCode"], 0),
    signal: typeof ended["signal"] === "number" ? ended["signal"] : null,
    reason: text(ended["reason"]),
    message: text(ended["message"]),
    finishedAt: time(ended["finishedAt"]),
  };
}

/** Who else owns the image or the replicas: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
function foreignManagers(managedFields: unknown, ours: string): string[] {
  const names = list(managedFields)
    .map(object)
    .filter((entry) => ownsRollout(object(entry["fieldsV1"])))
    .map((entry) => text(entry["manager"]))
    // The HPA scales as kube-controller-manager: an autoscaler is no drift.
    .filter((manager) => manager !== ours && manager !== "" && !manager.startsWith("kube-controller-manager"));
  return [...new Set(names)].sort();
}

function ownsRollout(fields: Json): boolean {
  const spec = object(fields["f:spec"]);
  const containers = object(object(object(spec["f:template"])["f:spec"])["f:containers"]);
  return "f:replicas" in spec || Object.values(containers).some((container) => "f:image" in object(container));
}
