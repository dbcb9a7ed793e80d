import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuthorizationV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi } from "@kubernetes/client-node";
import { parseAllDocuments } from "yaml";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createSend } from "../../src/adapters/kubernetes-request.ts";
import type { KubeObject, Templates } from "../../src/core/manifests.ts";
import { parseTemplate } from "../../src/core/template.ts";
import { loadTemplates } from "../../src/templates.ts";
import { uniqueName, until } from "../parity/test-cluster.ts";

/** One right that one of the roles in `templates/cluster/` gives: what RBAC calls a rule, taken apart. */
export interface Right {
  readonly role: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** null: whatever its name. */
  readonly name: string | null;
}

/** `templates/` under names of its own, so that installations stand side by side and a person's own is not touched. */
export interface Installation {
  /** Of the ServiceAccount that Proa is. */
  readonly kubeconfig: string;
  readonly templates: Templates;
  /** Where Proa and the Secrets that previews may copy live. */
  readonly namespace: string;
  /** A role's or policy's name here. */
  readonly named: (name: string) => string;
  /** What an environment's owner does. */
  readonly bindEnvironment: (namespace: string, role?: "proa-environment" | "proa-environment-patch") => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Everything, or everything but one right: then without the policies, which only ever forbid. */
export async function install(owner: KubeConfig, without: Right | null = null): Promise<Installation> {
  const suffix = uniqueName("t");
  const objects = KubernetesObjectApi.makeApiClient(owner);
  const made = clusterObjects(suffix)
    .filter(({ kind }) => without === null || !kind.startsWith("ValidatingAdmission"))
    .map((object) => (without === null ? object : lacking(object, without, suffix)))
    .toSorted((a, b) => rank(a) - rank(b));
  const namespace = renamed("namespace: proa", suffix).slice("namespace: ".length);
  const account = renamed("proa-deployer", suffix);
  for (const object of made) await objects.create(mutable(object));
  const kubeconfig = await tokenKubeconfig(owner, namespace, account);
  const user = `system:serviceaccount:${namespace}:${account}`;
  const has = (role: string): Right[] =>
    rights().filter((right) => right.role === role && (without === null || rightText(right) !== rightText(without)));
  const known = (role: string, place: string | null) =>
    until(
      () => areGiven(owner, { user, place, rights: has(role).map((right) => called(right, suffix)) }),
      (given) => given,
    );
  await Promise.all([known("proa-deployer", null), known("proa-preview-source", namespace)]);
  if (without === null) await inForce(kubeconfig);
  return {
    kubeconfig,
    templates: templatesOf(suffix),
    namespace,
    named: (name) => renamed(name, suffix),
    async bindEnvironment(place, role = "proa-environment") {
      const binding: KubeObject = {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: account, namespace: place },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: renamed(role, suffix) },
        subjects: [{ kind: "ServiceAccount", name: account, namespace }],
      };
      await objects.create(mutable(binding));
      await known(role, place);
    },
    async remove() {
      // A namespace takes with it what is in it.
      for (const object of made) if (object.metadata.namespace === undefined) await objects.delete(mutable(object));
    },
  };
}

/** As the files are sorted, and last the policy whose effect shows that all are in force. */
function rank({ kind, metadata }: KubeObject): number {
  if (!kind.startsWith("ValidatingAdmission")) return 0;
  return metadata.name.startsWith("proa-namespaces") ? 2 : 1;
}

/** Roles and bindings are in force a moment after they are stored: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
async function areGiven(
  owner: KubeConfig,
  { user, place, rights: wanted }: { user: string; place: string | null; rights: readonly Right[] },
): Promise<boolean> {
  const api = owner.makeApiClient(AuthorizationV1Api);
  for (const { verb, group, resource: path, name } of wanted) {
    const [resource = "", subresource] = path.split("/");
    const resourceAttributes = {
      verb,
      group,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(name === null ? {} : { name }),
      ...(place === null ? {} : { namespace: place }),
    };
    const { status } = await api.createSubjectAccessReview({ body: { spec: { user, resourceAttributes } } });
    if (status?.allowed !== true) return false;
  }
  return true;
}

/** The API server compiles policies once a second: https://github.com/kubernetes/kubernetes, pkg/admission/plugin/policy/generic. */
async function inForce(kubeconfig: string): Promise<void> {
  const send = createSend({ access: kubeconfigAccess(kubeconfig), timeoutMs: 10_000 });
  const value = { apiVersion: "v1", kind: "Namespace", metadata: { name: uniqueName("unlabelled") } };
  const attempt = async (): Promise<boolean> => {
    const body = { type: "application/json", value };
    const { text } = await send({ method: "POST", path: "/api/v1/namespaces", query: { dryRun: "All" }, body });
    return text.includes("ValidatingAdmissionPolicy");
  };
  await until(attempt, (denied) => denied);
}

/** Every single right of every role, in the order of the files. */
export function rights(): Right[] {
  return installFiles().flatMap((text) =>
    documents(text).flatMap((object) =>
      object.kind.endsWith("Role") ? rulesOf(object).flatMap((rule) => apart(rule, object.metadata.name)) : [],
    ),
  );
}

/** The ClusterRole that is bound in the whole cluster. */
export function clusterRoleRules({ named }: Installation): Rule[] {
  const role = installFiles()
    .flatMap(documents)
    .find(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === "proa-deployer");
  const rename = (rule: Rule): Rule =>
    rule.resourceNames === undefined ? rule : { ...rule, resourceNames: rule.resourceNames.map(named) };
  return role === undefined ? [] : rulesOf(role).map(rename);
}

export const rightText = ({ role, verb, group, resource, name }: Right): string =>
  `${role}: ${verb} ${resource}${group ? `.${group}` : ""}${name === null ? "" : ` ${name}`}`;

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const rulesOf = (object: KubeObject): readonly Rule[] => object["rules"] as readonly Rule[]; // parsed from our own files

function apart({ apiGroups, resources, resourceNames, verbs }: Rule, role: string): Right[] {
  const names = resourceNames ?? [null];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      names.flatMap((name) => verbs.map((verb) => ({ role, verb, group, resource, name }))),
    ),
  );
}

/** As it stands in an installation under other names. */
const called = (right: Right, suffix: string): Right =>
  right.name !== null && right.resource === "clusterroles" ? { ...right, name: renamed(right.name, suffix) } : right;

/** The role without that one right, its rules taken apart. */
function lacking(object: KubeObject, without: Right, suffix: string): KubeObject {
  if (!object.kind.endsWith("Role") || object.metadata.name !== renamed(without.role, suffix)) return object;
  const wanted = rightText(called(without, suffix));
  const kept = rulesOf(object).flatMap((rule) =>
    apart(rule, without.role).filter((right) => rightText(right) !== wanted),
  );
  const rules = kept.map(({ group, resource, name, verb }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
    ...(name === null ? {} : { resourceNames: [name] }),
  }));
  return { ...object, rules };
}

const folder = fileURLToPath(new URL("../../templates/", import.meta.url));

const installFiles = (): string[] => Object.values(filesOf(null));

/** `templates/cluster/` by file name; `suffix`: under other names. */
export function filesOf(suffix: string | null): Record<string, string> {
  const files = globSync("*.yaml", { cwd: join(folder, "cluster") }).sort();
  const text = (file: string): string => readFileSync(join(folder, "cluster", file), "utf8");
  return Object.fromEntries(files.map((file) => [file, suffix === null ? text(file) : renamed(text(file), suffix)]));
}

const documents = (text: string): KubeObject[] =>
  parseAllDocuments(text).map((document) => document.toJS() as KubeObject); // parsed from our own files

const clusterObjects = (suffix: string): KubeObject[] => Object.values(filesOf(suffix)).flatMap(documents);

/** Only the binding names what is of the cluster. */
function templatesOf(suffix: string): Templates {
  const text = readFileSync(join(folder, "role-binding.yaml"), "utf8");
  return { ...loadTemplates(), "role-binding": parseTemplate("role-binding", renamed(text, suffix)) };
}

/** Every name in the cluster that is Proa's own; not its labels, nor the names of what rules allow inside a preview's namespace. */
function renamed(text: string, suffix: string): string {
  return text
    .replaceAll(/(?<!resourceNames: \[)\bproa-(deployer|preview|environment|namespaces|rights)\b/g, `$&-${suffix}`)
    .replaceAll(/(resources: \[clusterroles\]\n +resourceNames: \[proa-preview)\b/g, `$1-${suffix}`)
    .replaceAll("proa:deployers", `proa:deployers-${suffix}`)
    .replaceAll(
      /(\bnamespace: |system:serviceaccount:|subject\.namespace == "|kind: Namespace\nmetadata:\n {2}name: )proa\b/g,
      `$1proa-${suffix}`,
    );
}

/** The client's types are mutable; it changes nothing. */
const mutable = (object: KubeObject) => structuredClone(object) as Parameters<KubernetesObjectApi["create"]>[0];

async function tokenKubeconfig(owner: KubeConfig, namespace: string, name: string): Promise<string> {
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: [], expirationSeconds: 7200 },
  };
  const { status } = await owner
    .makeApiClient(CoreV1Api)
    .createNamespacedServiceAccountToken({ namespace, name, body });
  const cluster = owner.getCurrentCluster();
  if (cluster === null || status === undefined) throw new Error("the owner's kubeconfig names no cluster");
  const { server, caData } = cluster;
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "proa",
    clusters: [{ name: "proa", cluster: { server, "certificate-authority-data": caData } }],
    users: [{ name: "proa", user: { token: status.token } }],
    contexts: [{ name: "proa", context: { cluster: "proa", user: "proa" } }],
  });
}
