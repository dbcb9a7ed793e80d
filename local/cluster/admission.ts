import { kindNamed, type Kind } from "./kinds.ts";
import { fields, isFields, items, text, type Fields, type KubeObject } from "./object.ts";
import { countsInQuota, enforceQuota, limitPod } from "./quota.ts";
import { invalid, type Cause } from "./status.ts";
import type { Admission, ObjectStore } from "./store.ts";

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

// --- Validation ------------------------------------------------------------------------------------------------------

type Refusal = Required<Cause>;

function refuse(kind: Kind, object: KubeObject): Refusal[] {
  switch (kind.kind) {
    case "Pod":
      return object.metadata.namespace === "kube-system" ? [] : refusePodSpec(fields(object.spec), "spec");
    case "Deployment":
    case "ReplicaSet":
      return refusePodSpec(fields(fields(object.spec?.["template"])["spec"]), "spec.template.spec");
    case "Ingress":
      return refuseIngress(object);
    case "Service":
      return items(object.spec?.["ports"]).length === 0 && object.spec?.["type"] !== "ExternalName"
        ? [required("spec.ports")]
        : [];
    default:
      return [];
  }
}

function refusePodSpec(spec: Fields, at: string): Refusal[] {
  const refused: Refusal[] = [];
  const unsupported = (field: string, why: string) =>
    refused.push({ reason: "FieldValueForbidden", field: `${at}.${field}`, message: `Forbidden: ${why}` });
  const containers = items(spec["containers"]);
  if (containers.length === 0) refused.push(required(`${at}.containers`));
  if (items(spec["initContainers"]).length > 0)
    unsupported("initContainers", "the local cluster does not run init containers");
  for (const [position, volume] of items(spec["volumes"]).entries()) {
    unsupported(
      `volumes[${position}]`,
      `the local cluster has no volumes (${text(volume["name"])}); pass configuration by env or envFrom`,
    );
  }
  const known: Fields = { "kubernetes.io/os": "linux" };
  for (const [label, value] of Object.entries(fields(spec["nodeSelector"]))) {
    if (known[label] !== value)
      unsupported("nodeSelector", `no node of the local cluster has the label ${label}=${text(value)}`);
  }
  for (const [name, rule] of Object.entries(fields(spec["affinity"]))) {
    if ("requiredDuringSchedulingIgnoredDuringExecution" in fields(rule))
      unsupported(`affinity.${name}`, "the local cluster's scheduler looks at no affinity");
  }
  const names = new Set<unknown>();
  for (const [position, container] of containers.entries()) {
    const path = `containers[${position}]`;
    const { name, image } = container;
    if (typeof name !== "string" || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
      refused.push(wrong(`${at}.${path}.name`, name, dnsLabel));
    if (names.has(name))
      refused.push({
        reason: "FieldValueDuplicate",
        field: `${at}.${path}.name`,
        message: `Duplicate value: ${JSON.stringify(name)}`,
      });
    names.add(name);
    if (typeof image !== "string" || image === "") refused.push(required(`${at}.${path}.image`));
    if (items(container["volumeMounts"]).length > 0)
      unsupported(`${path}.volumeMounts`, "the local cluster has no volumes");
    for (const probe of ["readinessProbe", "livenessProbe", "startupProbe"]) {
      if ("grpc" in fields(container[probe]))
        unsupported(`${path}.${probe}.grpc`, "the local cluster asks by http, tcp or exec");
    }
    for (const port of items(container["ports"])) {
      const number = port["containerPort"];
      if (typeof number !== "number" || number < 1 || number > 65_535)
        refused.push(wrong(`${at}.${path}.ports[0].containerPort`, number, "must be between 1 and 65535, inclusive"));
    }
    for (const variable of items(container["env"])) {
      if (typeof variable["name"] !== "string" || variable["name"] === "")
        refused.push(required(`${at}.${path}.env[0].name`));
      if ("value" in variable && variable["value"] !== "" && "valueFrom" in variable) {
        refused.push(wrong(`${at}.${path}.env[0].valueFrom`, "", "may not be specified when `value` is not empty"));
      }
    }
  }
  return refused;
}

function refuseIngress(ingress: KubeObject): Refusal[] {
  const refused: Refusal[] = [];
  const rules = items(ingress.spec?.["rules"]);
  if (rules.length === 0 && ingress.spec?.["defaultBackend"] === undefined) {
    refused.push(wrong("spec", null, "either `defaultBackend` or `rules` must be specified"));
  }
  for (const [at, rule] of rules.entries()) {
    for (const [position, path] of items(fields(rule["http"])["paths"]).entries()) {
      const field = `spec.rules[${at}].http.paths[${position}]`;
      if (path["pathType"] === undefined)
        refused.push({
          reason: "FieldValueRequired",
          field: `${field}.pathType`,
          message: "Required value: pathType must be specified",
        });
      if (!isFields(fields(path["backend"])["service"])) refused.push(required(`${field}.backend`));
    }
  }
  return refused;
}

const dnsLabel =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

export function refuseName(kind: Kind, name: string): Refusal[] {
  if (name === "")
    return [
      {
        reason: "FieldValueRequired",
        field: "metadata.name",
        message: "Required value: name or generateName is required",
      },
    ];
  const label = kind.kind === "Namespace" || kind.kind === "Service";
  const form = label ? /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/ : /^[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?$/;
  return form.test(name)
    ? []
    : [wrong("metadata.name", name, label ? dnsLabel : dnsLabel.replace("label", "subdomain"))];
}

function required(field: string): Refusal {
  return { reason: "FieldValueRequired", field, message: "Required value" };
}

function wrong(field: string, value: unknown, why: string): Refusal {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value ?? null)}: ${why}` };
}
