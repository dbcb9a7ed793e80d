import type { KubeObject } from "../../src/core/manifests.ts";
import { parseQuantity } from "../../src/core/quantity.ts";
import { DNS_LABEL } from "./arbitrary.ts";

export interface Bounds {
  readonly namespace: string;
  readonly repositoryId: string;
  readonly pullRequest: string;
  /** The only images, whole and by digest. */
  readonly images: readonly string[];
  /** The most one container may ask for. */
  readonly caps: { readonly cpu: string; readonly memory: string };
  readonly domain: string;
}

/**
 * What in a preview's objects reaches beyond its namespace; none is as it should be. Written as an allow-list of whole fields: a
 * field that nobody has thought of here is a finding, not a blind spot.
 */
export function escapes(objects: readonly KubeObject[], bounds: Bounds): string[] {
  return objects.flatMap((object) => {
    const name = `${object.kind} ${object.metadata.name}`;
    return [...placed(object, bounds), ...contentOf(object, bounds)].map((what) => `${name}: ${what}`);
  });
}

const KINDS = [
  "Deployment",
  "Service",
  "Ingress",
  "NetworkPolicy",
  "ResourceQuota",
  "LimitRange",
  "ServiceAccount",
  "Secret",
];

function placed({ kind, metadata }: KubeObject, { namespace, repositoryId, pullRequest }: Bounds): string[] {
  const labels = metadata.labels ?? {};
  const owners = { "proa.dev/repository-id": repositoryId, "proa.dev/pull-request": pullRequest };
  return [
    ...(KINDS.includes(kind) ? [] : ["a kind that no preview has"]),
    ...(metadata.namespace === namespace ? [] : [`in ${metadata.namespace}`]),
    ...(DNS_LABEL.test(metadata.name) ? [] : ["a name that is none"]),
    ...unknownKeys(metadata, ["name", "namespace", "labels", "annotations"], "metadata"),
    ...(labels["app.kubernetes.io/managed-by"] === "proa" ? [] : ["not labelled as ours"]),
    ...Object.entries(owners).flatMap(([key, value]) =>
      (labels[key] ?? value) === value ? [] : [`${key} is ${labels[key]}`],
    ),
    ...Object.keys({ ...labels, ...metadata.annotations }).flatMap((key) =>
      /^(?:proa\.dev\/[a-z-]+|app\.kubernetes\.io\/(?:managed-by|name))$/.test(key) ? [] : [`carries ${key}`],
    ),
    ...Object.values(labels).flatMap((value) => (/^[A-Za-z0-9._-]{1,63}$/.test(value) ? [] : [`the label "${value}"`])),
  ];
}

function contentOf(object: KubeObject, bounds: Bounds): string[] {
  const spec = at(object, "spec");
  switch (object.kind) {
    case "Deployment":
      return deployment(spec, bounds);
    case "Service":
      return [
        ...unknownKeys(spec, ["type", "selector", "ports"], "spec"),
        ...(at(spec, "type") === "ClusterIP" ? [] : ["not a ClusterIP"]),
      ];
    case "Ingress":
      return [
        ...unknownKeys(spec, ["ingressClassName", "rules"], "spec"),
        ...list(at(spec, "rules")).flatMap((rule) => {
          const host = String(at(rule, "host"));
          const below = host.endsWith(`.${bounds.domain}`) && host.split(".").every((part) => DNS_LABEL.test(part));
          return below ? [] : [`answers for ${host}`];
        }),
      ];
    case "NetworkPolicy":
      return networkPolicy(spec);
    case "ServiceAccount":
      return at(object, "automountServiceAccountToken") === false ? [] : ["hands out its token"];
    default:
      return [];
  }
}

function deployment(spec: unknown, { images, caps }: Bounds): string[] {
  const pod = at(spec, "template", "spec");
  const known =
    "automountServiceAccountToken enableServiceLinks terminationGracePeriodSeconds securityContext containers";
  return [
    ...unknownKeys(pod, known.split(" "), "pod"),
    ...(at(pod, "automountServiceAccountToken") === false ? [] : ["mounts a token"]),
    ...unknownKeys(at(pod, "securityContext"), ["seccompProfile"], "pod.securityContext"),
    ...(at(spec, "replicas") === 1 ? [] : [`${String(at(spec, "replicas"))} pods`]),
    ...list(at(pod, "containers")).flatMap((container) => {
      const fields = "name image command ports env envFrom readinessProbe resources securityContext";
      const asked = ["cpu", "memory"] as const;
      return [
        ...unknownKeys(container, fields.split(" "), "container"),
        ...(images.includes(String(at(container, "image"))) ? [] : [`runs ${String(at(container, "image"))}`]),
        ...asked.flatMap((kind) => {
          const amount = parseQuantity(String(at(container, "resources", "requests", kind)));
          return amount !== null && amount <= (parseQuantity(caps[kind]) ?? 0) ? [] : [`asks for more ${kind}`];
        }),
        ...(at(container, "resources", "limits", "memory") === at(container, "resources", "requests", "memory")
          ? []
          : ["has no limit on memory"]),
        ...unknownKeys(
          at(container, "securityContext"),
          ["allowPrivilegeEscalation", "capabilities"],
          "securityContext",
        ),
        ...(at(container, "securityContext", "allowPrivilegeEscalation") === false ? [] : ["may gain privileges"]),
        ...(JSON.stringify(at(container, "securityContext", "capabilities")) === '{"drop":["ALL"]}'
          ? []
          : ["has capabilities"]),
        ...list(at(container, "ports")).flatMap((port) => unknownKeys(port, ["name", "containerPort"], "port")),
        ...list(at(container, "env")).flatMap((variable) => [
          ...unknownKeys(variable, ["name", "value"], "variable"),
          ...(typeof at(variable, "value") === "string" ? [] : ["a variable that is no text"]),
          // What Kubernetes would expand to another variable's value, a Secret's included.
          ...(/(?:^|[^$])(?:\$\$)*\$\(/.test(String(at(variable, "value"))) ? ["a variable that names another"] : []),
        ]),
        ...list(at(container, "envFrom")).flatMap((source) =>
          JSON.stringify(source) === '{"secretRef":{"name":"proa-preview-secrets"}}'
            ? []
            : ["takes variables from elsewhere"],
        ),
        ...probe(at(container, "readinessProbe")),
        ...list(at(container, "command")).flatMap((word) =>
          typeof word === "string" ? [] : ["a command that is no text"],
        ),
      ];
    }),
  ];
}

/** `host` would have the node's kubelet, which no policy holds back, ask any address; `exec` and headers are nobody's to give. */
const probe = (value: unknown): string[] => [
  ...unknownKeys(value, ["httpGet", "tcpSocket", "periodSeconds", "timeoutSeconds", "failureThreshold"], "probe"),
  ...unknownKeys(at(value, "httpGet"), ["path", "port"], "httpGet"),
  ...unknownKeys(at(value, "tcpSocket"), ["port"], "tcpSocket"),
];

function networkPolicy(spec: unknown): string[] {
  const exceptions = list(at(spec, "egress"))
    .flatMap((rule) => list(at(rule, "to")))
    .flatMap((peer) => {
      const block = at(peer, "ipBlock");
      return block === undefined ? [] : [{ cidr: at(block, "cidr"), except: list(at(block, "except")).map(String) }];
    });
  const v4 = exceptions.find(({ cidr }) => cidr === "0.0.0.0/0")?.except ?? [];
  const v6 = exceptions.find(({ cidr }) => cidr === "::/0")?.except ?? [];
  const closed = [...v4, ...v6];
  const credentials = ["169.254.169.254/32", "169.254.170.23/32", "fd00:ec2::254/128", "fd00:ec2::23/128"];
  return [
    ...(JSON.stringify(at(spec, "podSelector")) === "{}" ? [] : ["leaves pods out"]),
    ...(JSON.stringify(at(spec, "policyTypes")) === '["Ingress","Egress"]' ? [] : ["leaves a direction open"]),
    ...(exceptions.length === 2 ? [] : ["opens other networks"]),
    ...credentials.filter((address) => !closed.includes(address)).map((address) => `reaches ${address}`),
  ];
}

function unknownKeys(value: unknown, known: readonly string[], where: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => (known.includes(key) ? [] : [`${where}.${key}`]));
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined,
    value,
  );
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
