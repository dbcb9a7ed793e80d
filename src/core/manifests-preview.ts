import { renderObject } from "./manifests.ts";
import type { KubeObject, Templates } from "./manifests.ts";
import { LABEL, targetId } from "./names.ts";
import type { RepoId, Target } from "./names.ts";

export type PreviewTarget = Extract<Target, { kind: "preview" }>;

/** What an installation grants every preview; `docs/proa-yml.md` says what a repository may ask for within it. */
export interface PreviewPolicy {
  readonly quota: { readonly cpu: string; readonly memory: string; readonly pods: number };
  /** For containers that ask for nothing. */
  readonly containerDefault: { readonly cpu: string; readonly memory: string };
  /** Labels of the namespace that traffic from outside comes through. */
  readonly ingressNamespaceLabels: Readonly<Record<string, string>>;
  /** Networks that previews may not reach, besides the credential services that are always closed to them. */
  readonly deniedNetworks: readonly string[];
}

/** The Internet yes, the company's own network no. https://www.rfc-editor.org/rfc/rfc6890 */
export const PRIVATE_NETWORKS = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"] as const;

/** The last address is a label that every namespace has: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
export const DEFAULT_PREVIEW_POLICY: PreviewPolicy = {
  quota: { cpu: "4", memory: "8Gi", pods: 30 },
  containerDefault: { cpu: "100m", memory: "256Mi" },
  ingressNamespaceLabels: { "kubernetes.io/metadata.name": "ingress-nginx" },
  deniedNetworks: PRIVATE_NETWORKS,
};

/**
 * Where a node's own credentials are handed out: the instance metadata service, and EKS Pod Identity.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 * https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-config-ipv6.html
 */
const CREDENTIAL_SERVICES = ["169.254.169.254/32", "169.254.170.23/32", "fd00:ec2::254/128", "fd00:ec2::23/128"];

export interface PreviewPlace {
  readonly templates: Templates;
  readonly target: PreviewTarget;
  readonly namespace: string;
}

export function previewNamespace({ templates, target, namespace }: PreviewPlace): KubeObject {
  return renderObject(templates.namespace, {
    namespace,
    target: targetId(target),
    repositoryId: String(target.repoId),
    pullRequest: String(target.number),
  });
}

/** What lets Proa put anything at all into the namespace: the rest of its rights ends with the namespaces themselves. */
export const previewAccess = ({ templates, namespace }: Pick<PreviewPlace, "templates" | "namespace">): KubeObject =>
  renderObject(templates["role-binding"], { namespace });

/** What goes into a preview's namespace before anything runs there. The order is the order of creation: the fences first. */
export function renderPreviewBase({
  templates,
  namespace,
  policy,
}: PreviewPlace & { readonly policy: PreviewPolicy }): KubeObject[] {
  // An empty selector is every namespace of the cluster.
  if (Object.keys(policy.ingressNamespaceLabels).length === 0)
    throw new Error("the preview policy names no label of the ingress controller's namespace");
  const denied = [...new Set([...CREDENTIAL_SERVICES, ...policy.deniedNetworks])];
  return [
    renderObject(templates["network-policy"], {
      namespace,
      ingressNamespaceLabels: policy.ingressNamespaceLabels,
      deniedIPv4: denied.filter((network) => !network.includes(":")),
      deniedIPv6: denied.filter((network) => network.includes(":")),
    }),
    renderObject(templates["resource-quota"], { namespace, ...policy.quota, pods: String(policy.quota.pods) }),
    renderObject(templates["limit-range"], {
      namespace,
      defaultCpu: policy.containerDefault.cpu,
      defaultMemory: policy.containerDefault.memory,
    }),
    renderObject(templates["service-account"], { namespace }),
  ];
}

/** A Secret as the cluster adapter reads it. */
export interface SecretSource {
  readonly labels: Readonly<Record<string, string>>;
  /** base64, never shown. */
  readonly data: Readonly<Record<string, string>>;
  readonly resourceVersion: string;
}

export const ALLOW_PREVIEWS = "proa.dev/allow-previews";

export interface SecretCopy extends PreviewPlace {
  /** The name that `previews.secrets.from` gives, for messages. */
  readonly from: string;
  readonly keys: readonly string[];
  /** null: there is no such Secret. */
  readonly source: SecretSource | null;
}

export type CopiedSecret =
  | { readonly kind: "copied"; readonly secret: KubeObject; readonly mount: CopiedSecretRef }
  /** Names the Secret or the key, never a value. */
  | { readonly kind: "refused"; readonly because: string };

/** What a service's pods take their environment from; a new version restarts them, since variables are read at start only. */
export interface CopiedSecretRef {
  readonly name: string;
  readonly version: string;
}

/** The allowed keys of a Secret whose owner has opted in, by labels, to exactly this repository's previews. */
export function copiedSecret({ templates, target, namespace, from, keys, source }: SecretCopy): CopiedSecret {
  if (source === null) return refused(`the Secret \`${from}\` does not exist`);
  if (source.labels[ALLOW_PREVIEWS] !== "true")
    return refused(
      `the Secret \`${from}\` does not carry the label ${ALLOW_PREVIEWS}: "true", which lets previews copy it`,
    );
  if (source.labels[LABEL.repositoryId] !== ownerLabel(target.repoId)) {
    return refused(
      `the Secret \`${from}\` does not carry the label ${LABEL.repositoryId}: "${target.repoId}", so it is another repository's`,
    );
  }
  const missing = keys.filter((key) => !Object.hasOwn(source.data, key));
  if (missing.length > 0) {
    return refused(
      `the Secret \`${from}\` has no key ${missing.map((key) => `\`${key}\``).join(", ")}: add it there, or remove it from previews.secrets.keys`,
    );
  }
  const data = Object.fromEntries(
    [...new Set(keys)].sort().flatMap((key) => (source.data[key] === undefined ? [] : [[key, source.data[key]]])),
  );
  const secret = renderObject(templates.secret, {
    namespace,
    repositoryId: ownerLabel(target.repoId),
    pullRequest: String(target.number),
    data,
  });
  return { kind: "copied", secret, mount: { name: secret.metadata.name, version: source.resourceVersion } };
}

const ownerLabel = (repoId: RepoId): string => String(repoId);

const refused = (because: string): CopiedSecret => ({ kind: "refused", because });
