import { kindNamed, type Kind } from "./kinds.ts";
import { fields, isFields, items, text, type Fields, type KubeObject } from "./object.ts";
import { countsInQuota, enforceQuota, limitPod } from "./quota.ts";
import { invalid } from "./status.ts";
import type { Admission, ObjectStore } from "./store.ts";
import { refuse } from "./validation.ts";

/**
 * What the API server does between decoding an object and storing it: fill in defaults, refuse, count against quotas. Also
 * refuses what the simulator would ignore in silence, so that nothing here works which then fails on a cluster.
 */
export function newAdmission(store: () => ObjectStore): Admission {
  const locks = new Map<string, Promise<void>>();
  return async (kind, object, existing) => {
    complete(kind, object, store);
    const causes = existing === null || kind.kind !== "Pod" ? refuse(kind, object) : [];
    if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
    const { namespace } = object.metadata;
    if (existing !== null || namespace === undefined || namespace === "kube-system" || !countsInQuota(kind))
      return undefined;
    if (kind.kind === "Pod") limitPod(store(), object);
    if (store().list(kindNamed("ResourceQuota"), namespace).length === 0) return undefined;
    // Checking and storing are two steps: without a turn of its own, each of two creations would see room for itself.
    const release = await turn(locks, namespace);
    try {
      enforceQuota(store(), kind, object);
      return release;
    } catch (error) {
      release();
      throw error;
    }
  };
}

async function turn(locks: Map<string, Promise<void>>, key: string): Promise<() => void> {
  const before = locks.get(key);
  let release: () => void = () => {};
  const mine = new Promise<void>((resolve) => (release = resolve));
  locks.set(key, mine);
  await before;
  return release;
}

// --- Defaults: kubernetes/pkg/apis/{core,apps}/v1/defaults.go ----------------------------------------------------------

function complete(kind: Kind, object: KubeObject, store: () => ObjectStore): void {
  switch (kind.kind) {
    case "Pod":
      object.status ??= { phase: "Pending" };
      completePodSpec(fields(object.spec));
      break;
    case "Deployment":
      noteRevision(object, store());
      completePodSpec(fields(fields(object.spec?.["template"])["spec"]));
      break;
    case "ReplicaSet":
      completePodSpec(fields(fields(object.spec?.["template"])["spec"]));
      break;
    case "Service":
      completeService(object);
      break;
    case "Secret":
      completeSecret(object);
      break;
    case "Namespace":
      object.metadata.labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
      break;
    default:
  }
}

/** The deployment controller's annotation, which the simulator's loses: the highest revision of the Deployment's ReplicaSets. */
function noteRevision({ metadata }: KubeObject, store: ObjectStore): void {
  const revisions = store
    .list(kindNamed("ReplicaSet"), metadata.namespace)
    .filter(({ metadata: { ownerReferences = [] } }) => ownerReferences.some(({ uid }) => uid === metadata.uid))
    .map((replicaSet) => Number(replicaSet.metadata.annotations?.[revisionAnnotation] ?? 0));
  if (revisions.length === 0) return;
  metadata.annotations = { ...metadata.annotations, [revisionAnnotation]: String(Math.max(...revisions)) };
}

const revisionAnnotation = "deployment.kubernetes.io/revision";

function completePodSpec(spec: Fields): void {
  fill(spec, {
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    securityContext: {},
    schedulerName: "default-scheduler",
  });
  for (const container of items(spec["containers"])) {
    const image = text(container["image"]);
    const floating = !image.includes("@") && (image.endsWith(":latest") || !/:[^/]+$/.test(image));
    fill(container, {
      resources: {},
      terminationMessagePath: "/dev/termination-log",
      terminationMessagePolicy: "File",
      imagePullPolicy: floating ? "Always" : "IfNotPresent",
    });
    for (const port of items(container["ports"])) fill(port, { protocol: "TCP" });
    for (const variable of items(container["env"])) {
      const reference = fields(variable["valueFrom"])["fieldRef"];
      if (isFields(reference)) fill(reference, { apiVersion: "v1" });
    }
    for (const name of ["readinessProbe", "livenessProbe", "startupProbe"]) {
      const probe = container[name];
      if (!isFields(probe)) continue;
      fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
      if (isFields(probe["httpGet"])) fill(probe["httpGet"], { path: "/", scheme: "HTTP" });
    }
    const resources = fields(container["resources"]);
    if (isFields(resources["limits"]))
      resources["requests"] = { ...resources["limits"], ...fields(resources["requests"]) };
  }
}

function completeService(service: KubeObject): void {
  const spec = (service.spec ??= {});
  fill(spec, {
    type: "ClusterIP",
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
  });
  for (const port of items(spec["ports"])) fill(port, { protocol: "TCP", targetPort: port["port"] });
}

function completeSecret(secret: KubeObject): void {
  fill(secret, { type: "Opaque" });
  const plain = Object.entries(fields(secret["stringData"])).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  if (plain.length > 0) secret["data"] = { ...fields(secret["data"]), ...Object.fromEntries(plain) };
  delete secret["stringData"];
}

function fill(target: Fields, defaults: Fields): void {
  for (const [key, value] of Object.entries(defaults)) target[key] ??= value;
}
