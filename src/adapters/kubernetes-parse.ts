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
import { KubeField } from "./kubernetes-field.ts";
import { unreadable } from "./kubernetes-json.ts";

export function parseNamespace(value: unknown): NamespaceView {
  const meta = metadata(value, "Namespace");
  const status = meta.root.at("status");
  return {
    name: meta.name,
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    labels: meta.labels,
    annotations: meta.annotations,
    createdAt: meta.createdAt,
    deletedAt: meta.deletedAt,
    phase: status.at("phase").text("Active"),
    conditions: status.at("conditions").list(condition),
  };
}

export function parseDeployment(value: unknown, fieldManager: string): DeploymentView {
  const meta = metadata(value, "Deployment");
  const spec = meta.root.at("spec");
  const status = meta.root.at("status");
  const template = spec.at("template").at("spec");
  return {
    name: meta.name,
    namespace: meta.namespace,
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    generation: meta.raw.at("generation").integer(0),
    labels: meta.labels,
    annotations: meta.annotations,
    createdAt: meta.createdAt,
    paused: spec.at("paused").flag(false),
    replicas: spec.at("replicas").integer(1),
    strategy: spec.at("strategy").at("type").text("RollingUpdate"),
    progressDeadlineSeconds: spec.at("progressDeadlineSeconds").integer(null),
    containers: template.at("containers").list(containerSpec),
    initContainers: template.at("initContainers").list(containerSpec),
    status: {
      observedGeneration: status.at("observedGeneration").integer(0),
      replicas: status.at("replicas").integer(0),
      updated: status.at("updatedReplicas").integer(0),
      ready: status.at("readyReplicas").integer(0),
      available: status.at("availableReplicas").integer(0),
      unavailable: status.at("unavailableReplicas").integer(0),
      conditions: status.at("conditions").list(condition),
    },
    foreignManagers: foreignManagers(meta.raw.at("managedFields"), fieldManager),
  };
}

export function parseReplicaSet(value: unknown): ReplicaSetView {
  const meta = metadata(value, "ReplicaSet");
  const status = meta.root.at("status");
  const template = meta.root.at("spec").at("template").at("spec");
  return {
    name: meta.name,
    uid: meta.uid,
    ownerUid: meta.ownerUid,
    revision: meta.annotations["deployment.kubernetes.io/revision"] ?? null,
    createdAt: meta.createdAt,
    replicas: status.at("replicas").integer(0),
    ready: status.at("readyReplicas").integer(0),
    available: status.at("availableReplicas").integer(0),
    images: template.at("containers").list((container) => container.at("image").text()),
    conditions: status.at("conditions").list(condition),
  };
}

export function parsePod(value: unknown): PodView {
  const meta = metadata(value, "Pod");
  const status = meta.root.at("status");
  return {
    name: meta.name,
    uid: meta.uid,
    ownerUid: meta.ownerUid,
    createdAt: meta.createdAt,
    deletedAt: meta.deletedAt,
    phase: status.at("phase").text("Unknown"),
    reason: status.at("reason").text() || null,
    message: status.at("message").text() || null,
    node: meta.root.at("spec").at("nodeName").text() || null,
    conditions: status.at("conditions").list(condition),
    containers: status.at("containerStatuses").list(containerView),
    initContainers: status.at("initContainerStatuses").list(containerView),
  };
}

export function parseEvent(value: unknown): EventView {
  const event = new KubeField(value, "Event");
  const about = event.at("involvedObject");
  const series = event.at("series");
  return {
    about: `${about.at("kind").text()}/${about.at("name").text()}`,
    type: event.at("type").text("Normal"),
    reason: event.at("reason").text(),
    message: event.at("message").text(),
    // Newer reporters (events.k8s.io) leave count and lastTimestamp empty and count in `series`.
    count: series.at("count").integer(event.at("count").integer(1)),
    lastAt:
      series.at("lastObservedTime").time() ??
      event.at("lastTimestamp").time() ??
      event.at("eventTime").time() ??
      event.at("firstTimestamp").time() ??
      event.at("metadata").at("creationTimestamp").time(),
  };
}

export function parseSecret(value: unknown): {
  labels: Record<string, string>;
  data: Record<string, string>;
  resourceVersion: string;
} {
  const meta = metadata(value, "Secret");
  return { labels: meta.labels, data: meta.root.at("data").texts(), resourceVersion: meta.resourceVersion };
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
    generation: meta.raw.at("generation").integer(0),
    resourceVersion: meta.resourceVersion,
    observedGeneration: meta.root.at("status").at("observedGeneration").integer(0),
  };
}

function metadata(value: unknown, kind: string) {
  const root = new KubeField(typeof value === "object" ? value : null, kind);
  const raw = root.at("metadata");
  const [name, uid] = [raw.at("name").text(), raw.at("uid").text()];
  if (name === "" || uid === "") throw unreadable(`a ${kind} that has no name or uid`);
  const owners = raw.at("ownerReferences").list((reference) => ({
    controls: reference.at("controller").flag(false),
    uid: reference.at("uid").text(),
  }));
  return {
    root,
    raw,
    name,
    uid,
    namespace: raw.at("namespace").text(),
    resourceVersion: raw.at("resourceVersion").text(),
    labels: raw.at("labels").texts(),
    annotations: raw.at("annotations").texts(),
    createdAt: raw.at("creationTimestamp").time() ?? 0,
    deletedAt: raw.at("deletionTimestamp").time(),
    ownerUid: owners.find(({ controls }) => controls)?.uid || null,
  };
}

function condition(raw: KubeField): Condition {
  return {
    type: raw.at("type").text(),
    status: raw.at("status").text("Unknown"),
    reason: raw.at("reason").text(),
    message: raw.at("message").text(),
    since: raw.at("lastTransitionTime").time(),
    updatedAt: raw.at("lastUpdateTime").time(),
  };
}

function containerSpec(raw: KubeField): ContainerSpec {
  const ports = raw.at("ports").list((port) => ({
    name: port.at("name").text(),
    number: port.at("containerPort").integer(0),
  }));
  return {
    name: raw.at("name").text(),
    image: raw.at("image").text(),
    readiness: probe(raw.at("readinessProbe"), ports),
    liveness: probe(raw.at("livenessProbe"), ports),
    startup: probe(raw.at("startupProbe"), ports),
    ports: ports.map(({ number }) => number),
  };
}

type Ports = readonly { readonly name: string; readonly number: number }[];

function probe(raw: KubeField, ports: Ports): ProbeSpec | null {
  const [http, tcp, exec, grpc] = [raw.at("httpGet"), raw.at("tcpSocket"), raw.at("exec"), raw.at("grpc")];
  if (!http.isAbsent) return { kind: "http", target: `:${portOf(http.at("port"), ports)}${http.at("path").text("/")}` };
  if (!tcp.isAbsent) return { kind: "tcp", target: `:${portOf(tcp.at("port"), ports)}` };
  if (!exec.isAbsent) {
    const words = exec.at("command").list((word) => word.text());
    return { kind: "exec", target: words.join(" ") };
  }
  return grpc.isAbsent ? null : { kind: "grpc", target: `:${portOf(grpc.at("port"), ports)}` };
}

/** A probe may name its port; people look for the number. */
function portOf(port: KubeField, ports: Ports): string {
  if (typeof port.value !== "string") return `${port.integer(0)}`;
  return `${ports.find(({ name }) => name === port.value)?.number ?? port.value}`;
}

function containerView(raw: KubeField): ContainerView {
  return {
    name: raw.at("name").text(),
    image: raw.at("image").text(),
    ready: raw.at("ready").flag(false),
    started: raw.at("started").flag(null),
    restarts: raw.at("restartCount").integer(0),
    state: containerState(raw.at("state")),
    last: containerState(raw.at("lastState")),
  };
}

function containerState(raw: KubeField): ContainerState {
  const [waiting, running, ended] = [raw.at("waiting"), raw.at("running"), raw.at("terminated")];
  if (!waiting.isAbsent)
    return { kind: "waiting", reason: waiting.at("reason").text(), message: waiting.at("message").text() };
  if (!running.isAbsent) return { kind: "running", since: running.at("startedAt").time() };
  if (ended.isAbsent) return { kind: "unknown" };
  return {
    kind: "terminated",
    exitCode: ended.at("exitCode").integer(0),
    signal: ended.at("signal").integer(null),
    reason: ended.at("reason").text(),
    message: ended.at("message").text(),
    finishedAt: ended.at("finishedAt").time(),
  };
}

/** Who else owns the image or the replicas: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management */
function foreignManagers(managedFields: KubeField, ours: string): string[] {
  const names = managedFields
    .list((entry) => ({ name: entry.at("manager").text(), owns: ownsRollout(entry.at("fieldsV1").at("f:spec")) }))
    .filter(({ owns }) => owns)
    .map(({ name }) => name)
    // The HPA scales as kube-controller-manager: an autoscaler is no drift.
    .filter((manager) => manager !== ours && manager !== "" && !manager.startsWith("kube-controller-manager"));
  return [...new Set(names)].sort();
}

function ownsRollout(spec: KubeField): boolean {
  const containers = spec.at("f:template").at("f:spec").at("f:containers");
  return (
    !spec.at("f:replicas").isAbsent ||
    Object.keys(containers.object()).some((key) => !containers.at(key).at("f:image").isAbsent)
  );
}
