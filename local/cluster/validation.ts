import type { Kind } from "./kinds.ts";
import { fields, isFields, items, text, type Fields, type KubeObject } from "./object.ts";
import { parseQuantity } from "./quantity.ts";
import type { Cause } from "./status.ts";

type Refusal = Required<Cause>;

/** What is wrong with an object's values, in the API server's words; its names and types have been looked at before. */
export function refuse(kind: Kind, object: KubeObject): Refusal[] {
  return [...refuseMetadata(object.metadata), ...refuseValues(kind, object)];
}

function refuseValues(kind: Kind, object: KubeObject): Refusal[] {
  switch (kind.kind) {
    case "Pod":
      return object.metadata.namespace === "kube-system" ? [] : refusePodSpec(fields(object.spec), "spec");
    case "Deployment":
      return [
        ...refuseReplicas(object),
        ...refusePodTemplate(object),
        ...refuseStrategy(fields(object.spec?.["strategy"])),
      ];
    case "ReplicaSet":
      return refusePodTemplate(object);
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

/** Keys and values of labels, keys of annotations: what selects nothing, or is cut off somewhere, is refused at the door. */
function refuseMetadata({ labels, annotations }: KubeObject["metadata"]): Refusal[] {
  const keys = (field: string, map: object) =>
    Object.keys(map)
      .filter((key) => !qualifiedName.test(key))
      .map((key) => wrong(field, key, partForm));
  return [
    ...keys("metadata.labels", labels ?? {}),
    ...Object.values(labels ?? {})
      .filter((value) => !labelValue.test(value))
      .map((value) => wrong("metadata.labels", value, valueForm)),
    ...keys("metadata.annotations", annotations ?? {}),
  ];
}

const qualifiedName = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const partForm =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueForm =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

function refusePodTemplate({ spec }: KubeObject): Refusal[] {
  const at = "spec.template.spec";
  const pods = fields(fields(spec?.["template"])["spec"]);
  const refused = refusePodSpec(pods, at);
  if (spec?.["selector"] === undefined) {
    const { labels } = fields(fields(spec?.["template"])["metadata"]);
    refused.push(required("spec.selector"));
    refused.push(wrong("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
  }
  // Pods of a controller are always restarted, which the real server says beside the form of the value itself.
  if (pods["restartPolicy"] !== "Always")
    refused.push(unsupported(`${at}.restartPolicy`, pods["restartPolicy"], ["Always"]));
  return refused;
}

function refuseReplicas({ spec }: KubeObject): Refusal[] {
  const replicas = spec?.["replicas"];
  const why = "must be greater than or equal to 0";
  return typeof replicas === "number" && replicas < 0 ? [wrong("spec.replicas", replicas, why)] : [];
}

function refuseStrategy({ type, rollingUpdate }: Fields): Refusal[] {
  if (type !== undefined && type !== "Recreate" && type !== "RollingUpdate") {
    return [
      unsupported("spec.strategy", { Type: type, RollingUpdate: rollingUpdate ?? null }, ["Recreate", "RollingUpdate"]),
    ];
  }
  const { maxSurge, maxUnavailable } = fields(rollingUpdate);
  const none = (value: unknown): boolean => value === 0 || value === "0%";
  const field = "spec.strategy.rollingUpdate.maxUnavailable";
  return none(maxSurge) && none(maxUnavailable)
    ? [wrong(field, maxUnavailable, "may not be 0 when `maxSurge` is 0")]
    : [];
}

function refuseContainer(container: Fields, at: string): Refusal[] {
  const refused: Refusal[] = [];
  const pulls = ["Always", "IfNotPresent", "Never"];
  if (!pulls.includes(text(container["imagePullPolicy"])))
    refused.push(unsupported(`${at}.imagePullPolicy`, container["imagePullPolicy"], pulls));
  for (const name of ["readinessProbe", "livenessProbe", "startupProbe"]) {
    const probe = container[name];
    if (isFields(probe) && !["httpGet", "tcpSocket", "exec", "grpc"].some((way) => way in probe))
      refused.push({ ...required(`${at}.${name}`), message: "Required value: must specify a handler type" });
  }
  const { requests, limits } = fields(container["resources"]);
  for (const [name, limit] of Object.entries(fields(limits))) {
    const request = fields(requests)[name] ?? limit;
    if (parseQuantity(request) > parseQuantity(limit)) {
      const why = `must be less than or equal to ${name} limit of ${text(limit)}`;
      refused.push(wrong(`${at}.resources.requests`, request, why));
    }
  }
  return refused;
}

function refusePodSpec(spec: Fields, at: string): Refusal[] {
  const refused: Refusal[] = [];
  const cannot = (field: string, why: string) =>
    refused.push({ reason: "FieldValueForbidden", field: `${at}.${field}`, message: `Forbidden: ${why}` });
  const containers = items(spec["containers"]);
  if (containers.length === 0) refused.push(required(`${at}.containers`));
  if (items(spec["initContainers"]).length > 0)
    cannot("initContainers", "the local cluster does not run init containers");
  for (const [position, volume] of items(spec["volumes"]).entries()) {
    cannot(
      `volumes[${position}]`,
      `the local cluster has no volumes (${text(volume["name"])}); pass configuration by env or envFrom`,
    );
  }
  const known: Fields = { "kubernetes.io/os": "linux" };
  for (const [label, value] of Object.entries(fields(spec["nodeSelector"]))) {
    if (known[label] !== value)
      cannot("nodeSelector", `no node of the local cluster has the label ${label}=${text(value)}`);
  }
  for (const [name, rule] of Object.entries(fields(spec["affinity"]))) {
    if ("requiredDuringSchedulingIgnoredDuringExecution" in fields(rule))
      cannot(`affinity.${name}`, "the local cluster's scheduler looks at no affinity");
  }
  const restarts = ["Always", "OnFailure", "Never"];
  if (spec["restartPolicy"] !== undefined && !restarts.includes(text(spec["restartPolicy"])))
    refused.push(unsupported(`${at}.restartPolicy`, spec["restartPolicy"], restarts));
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
    refused.push(...refuseContainer(container, `${at}.${path}`));
    if (typeof image !== "string" || image === "") refused.push(required(`${at}.${path}.image`));
    if (items(container["volumeMounts"]).length > 0) cannot(`${path}.volumeMounts`, "the local cluster has no volumes");
    for (const probe of ["readinessProbe", "livenessProbe", "startupProbe"]) {
      if ("grpc" in fields(container[probe]))
        cannot(`${path}.${probe}.grpc`, "the local cluster asks by http, tcp or exec");
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

const dnsSubdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

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
  return form.test(name) ? [] : [wrong("metadata.name", name, label ? dnsLabel : dnsSubdomain)];
}

function required(field: string): Refusal {
  return { reason: "FieldValueRequired", field, message: "Required value" };
}

function wrong(field: string, value: unknown, why: string): Refusal {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value ?? null)}: ${why}` };
}

function unsupported(field: string, value: unknown, supported: readonly string[]): Refusal {
  const list = supported.map((one) => JSON.stringify(one)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(value ?? "")}: supported values: ${list}`;
  return { reason: "FieldValueNotSupported", field, message };
}
