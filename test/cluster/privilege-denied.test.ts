import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createSend, type Send } from "../../src/adapters/kubernetes-request.ts";
import type { KubeRequest } from "../../src/adapters/kubernetes-transport.ts";
import { uniqueName, until } from "../parity/test-cluster.ts";
import { clusterRoleRules, install, type Installation } from "./privilege-install.ts";
import { realCluster } from "./real-cluster.ts";

/** Namespaces: one that Proa made for a preview, one that an environment's owner bound it in, and one of somebody else. */
const ours = uniqueName("acme-shop-pr");
const environment = uniqueName("shop");
const foreign = uniqueName("payroll");

const owner = new KubeConfig();
let core: CoreV1Api;
let installation: Installation;
let send: Send;

beforeAll(async () => {
  const { kubeconfig } = await realCluster();
  owner.loadFromString(kubeconfig);
  core = owner.makeApiClient(CoreV1Api);
  installation = await install(owner);
  send = createSend({ access: kubeconfigAccess(installation.kubeconfig), timeoutMs: 10_000 });

  const secret = (name: string) => ({ metadata: { name }, stringData: { password: "hunter2" } });
  for (const name of [foreign, environment]) await core.createNamespace({ body: { metadata: { name } } });
  await installation.bindEnvironment(environment);
  for (const namespace of [foreign, environment]) await core.createNamespacedSecret({ namespace, body: secret("db") });
  await send(create("/api/v1/namespaces", namespaceOf(ours)));
  await send(create(bindingsIn(ours), binding()));
  await core.createNamespacedSecret({ namespace: ours, body: secret("not-a-copy") });
  await until(
    () => send(get(`/api/v1/namespaces/${ours}/pods`)),
    ({ status }) => status === 200,
  );
});

afterAll(async () => {
  for (const name of [ours, environment, foreign]) await core.deleteNamespace({ name });
  await installation.remove();
});

describe("RBAC gives Proa nothing beyond its work", () => {
  type Row = readonly [attempt: string, request: () => KubeRequest];
  const rows: readonly Row[] = [
    ["every Secret of the cluster", () => get("/api/v1/secrets")],
    ["a Secret in a foreign namespace", () => get(`/api/v1/namespaces/${foreign}/secrets/db`)],
    ["a Secret of an environment", () => get(`/api/v1/namespaces/${environment}/secrets/db`)],
    ["the Secrets of a preview, as a list", () => get(`/api/v1/namespaces/${ours}/secrets`)],
    ["a Secret of a preview that is not its copy", () => get(`/api/v1/namespaces/${ours}/secrets/not-a-copy`)],
    [
      "the Secrets that previews may copy, as a list",
      () => get(`/api/v1/namespaces/${installation.namespace}/secrets`),
    ],
    ["Secrets of kube-system", () => get("/api/v1/namespaces/kube-system/secrets/any")],
    ["ConfigMaps", () => get(`/api/v1/namespaces/${ours}/configmaps`)],
    ["nodes", () => get("/api/v1/nodes")],
    ["what a kubelet serves", () => get("/api/v1/nodes/any/proxy/pods")],
    ["every pod of the cluster", () => get("/api/v1/pods")],
    ["every Deployment of the cluster", () => get("/apis/apps/v1/deployments")],
    ["a foreign namespace's Deployments", () => get(`/apis/apps/v1/namespaces/${foreign}/deployments`)],
    ["a foreign namespace's pod logs", () => get(`/api/v1/namespaces/${foreign}/pods/any/log`)],
    ["everybody's rights", () => get("/apis/rbac.authorization.k8s.io/v1/clusterroles")],
    [
      "a new Deployment in a foreign namespace",
      () => create(`/apis/apps/v1/namespaces/${foreign}/deployments`, named("Deployment", "web")),
    ],
    [
      "a change of a foreign Deployment",
      () => patch(`/apis/apps/v1/namespaces/${foreign}/deployments/web`, { spec: {} }),
    ],
    ["a shell in a preview's pod", () => create(`/api/v1/namespaces/${ours}/pods/any/exec`, {})],
    ["a way into a preview's pod", () => create(`/api/v1/namespaces/${ours}/pods/any/portforward`, {})],
    ["a pod of its own", () => create(`/api/v1/namespaces/${ours}/pods`, named("Pod", "p"))],
    ["a DaemonSet", () => create(`/apis/apps/v1/namespaces/${ours}/daemonsets`, named("DaemonSet", "d"))],
    ["a Job", () => create(`/apis/batch/v1/namespaces/${ours}/jobs`, named("Job", "j"))],
    ["the end of a preview's Deployment", () => remove(`/apis/apps/v1/namespaces/${ours}/deployments/web`)],
    ["the end of an environment's Deployment", () => remove(`/apis/apps/v1/namespaces/${environment}/deployments/web`)],
    [
      "the end of a preview's fence",
      () => remove(`/apis/networking.k8s.io/v1/namespaces/${ours}/networkpolicies/proa-preview`),
    ],
    [
      "another's NetworkPolicy",
      () => patch(`/apis/networking.k8s.io/v1/namespaces/${ours}/networkpolicies/company`, { spec: {} }),
    ],
    [
      "a quota for an environment",
      () => create(`/api/v1/namespaces/${environment}/resourcequotas`, named("ResourceQuota", "q")),
    ],
    [
      "a token of a preview's service account",
      () => create(`/api/v1/namespaces/${ours}/serviceaccounts/default/token`, {}),
    ],
    [
      "a longer token of its own",
      () =>
        create(
          `/api/v1/namespaces/${installation.namespace}/serviceaccounts/${installation.named("proa-deployer")}/token`,
          {},
        ),
    ],
    [
      "a certificate",
      () => create("/apis/certificates.k8s.io/v1/certificatesigningrequests", named("CertificateSigningRequest", "c")),
    ],
    [
      "a label on its own preview's namespace",
      () => patch(`/api/v1/namespaces/${ours}`, { metadata: { labels: { "proa.dev/pull-request": "8" } } }),
    ],
    [
      "the end of a namespace's finalizers",
      () => ({ ...patch(`/api/v1/namespaces/${ours}/finalize`, {}), method: "PATCH" }),
    ],
    [
      "more rights in its own roles",
      () => patch(`${RBAC}/clusterroles/${installation.named("proa-preview")}`, { rules: [] }),
    ],
    ["a role", () => create(`${RBAC}/namespaces/${ours}/roles`, named("Role", "r"))],
    ["a ClusterRole", () => create(`${RBAC}/clusterroles`, named("ClusterRole", "r"))],
    ["a ClusterRoleBinding", () => create(`${RBAC}/clusterrolebindings`, { ...binding(), kind: "ClusterRoleBinding" })],
    [
      "another subject in its own binding",
      () => patch(`${bindingsIn(ours)}/${installation.named("proa-deployer")}`, { subjects: [] }),
    ],
    ["a policy less", () => remove("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/any")],
    [
      "a webhook of its own",
      () =>
        create(
          "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
          named("ValidatingWebhookConfiguration", "w"),
        ),
    ],
  ];
  test.for(rows)("%s: refused", async ([, request]) => {
    const { status, text } = await send(request());
    expect(status).toBe(403);
    expect(text).toMatch(/User \\"system:serviceaccount:[^"]+\\" cannot /);
  });

  test("to be somebody else: refused", async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(installation.kubeconfig);
    for (const user of kubeConfig.users) Object.assign(user, { impersonateUser: "system:admin" });
    const send = createSend({ access: kubeconfigAccess(kubeConfig.exportConfig()), timeoutMs: 10_000 });
    const { status, text } = await send(get("/api/v1/secrets"));
    expect(status).toBe(403);
    expect(text).toContain("cannot impersonate");
  });

  test("what the API server says it may do in a foreign namespace is its cluster role, and what everybody may", async () => {
    const body = {
      kind: "SelfSubjectRulesReview",
      apiVersion: "authorization.k8s.io/v1",
      spec: { namespace: foreign },
    };
    const { text } = await send(create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body));
    const { resourceRules } = (JSON.parse(text) as { status: { resourceRules: { apiGroups: string[] }[] } }).status;
    const everybodys = ["authorization.k8s.io", "authentication.k8s.io"]; // system:basic-user
    const own = resourceRules.filter(({ apiGroups }) => !apiGroups.every((group) => everybodys.includes(group)));
    expect(own).toEqual(clusterRoleRules(installation));
  });
});

describe("admission holds Proa to namespaces of previews", () => {
  type Row = readonly [attempt: string, request: () => KubeRequest, because: string];
  const labels = "Proa creates, changes and deletes only namespaces of previews";
  const rows: readonly Row[] = [
    ["a namespace without labels", () => create("/api/v1/namespaces", namespaceOf("x", {})), labels],
    [
      "a namespace with half of them",
      () => create("/api/v1/namespaces", namespaceOf("x", { "app.kubernetes.io/managed-by": "proa" })),
      labels,
    ],
    [
      "a namespace of no pull request",
      () => create("/api/v1/namespaces", namespaceOf("x", { ...LABELS, "proa.dev/pull-request": "0" })),
      labels,
    ],
    [
      "a namespace without pod security",
      () => create("/api/v1/namespaces", namespaceOf("x", { ...LABELS, [ENFORCE]: undefined })),
      ENFORCE,
    ],
    [
      "a namespace for privileged pods",
      () => create("/api/v1/namespaces", namespaceOf("x", { ...LABELS, [ENFORCE]: "privileged" })),
      ENFORCE,
    ],
    ["the end of kube-system", () => remove("/api/v1/namespaces/kube-system"), "this namespace may not be deleted"],
    ["the end of kube-node-lease", () => remove("/api/v1/namespaces/kube-node-lease"), labels],
    ["the end of a foreign namespace", () => remove(`/api/v1/namespaces/${foreign}`), labels],
    ["the end of an environment's namespace", () => remove(`/api/v1/namespaces/${environment}`), labels],
    ["the end of its own home", () => remove(`/api/v1/namespaces/${installation.namespace}`), labels],
    [
      "its rights in a foreign namespace",
      () => create(bindingsIn(foreign), binding()),
      "only in namespaces of previews",
    ],
    ["its rights in kube-system", () => create(bindingsIn("kube-system"), binding()), "only in namespaces of previews"],
    [
      "its rights in an environment",
      () => create(bindingsIn(environment), binding("second")),
      "only in namespaces of previews",
    ],
    [
      "a second binding in a preview",
      () => create(bindingsIn(ours), binding("second")),
      "Proa binds only the ClusterRole",
    ],
    [
      "another role in a preview",
      () => create(bindingsIn(ours), { ...binding(), roleRef: role("cluster-admin") }),
      "attempting to grant RBAC permissions not currently held",
    ],
    [
      "a role that it holds elsewhere in a preview",
      () => create(bindingsIn(ours), { ...binding(), roleRef: role(installation.named("proa-deployer")) }),
      "Proa binds only the ClusterRole",
    ],
    [
      "rights for somebody else in a preview",
      () => create(bindingsIn(ours), { ...binding(), subjects: [{ kind: "User", name: "eve" }] }),
      "Proa binds only the ClusterRole",
    ],
  ];
  test.for(rows)("%s: refused", async ([, request, because]) => {
    const { status, text } = await send(request());
    expect({ status, text }).toEqual({ status: 403, text: expect.stringContaining(because) as unknown });
  });
});

describe("admission holds where RBAC allows everything by mistake", () => {
  const careless = uniqueName("acme-shop-pr");
  let mistaken: Installation;
  let almighty: Send;
  beforeAll(async () => {
    mistaken = await install(owner);
    almighty = createSend({ access: kubeconfigAccess(mistaken.kubeconfig), timeoutMs: 10_000 });
    await core.createNamespace({ body: { metadata: { name: careless, labels: LABELS } } });
    const rbac = owner.makeApiClient(RbacAuthorizationV1Api);
    const subjects = [{ kind: "ServiceAccount", name: mistaken.named("proa-deployer"), namespace: mistaken.namespace }];
    const metadata = { name: mistaken.named("proa-deployer-mistake") };
    await rbac.createClusterRoleBinding({ body: { metadata, roleRef: role("cluster-admin"), subjects } });
    await until(
      () => almighty(get("/api/v1/secrets?limit=1")),
      ({ status }) => status === 200,
    );
  });
  afterAll(async () => {
    await owner
      .makeApiClient(RbacAuthorizationV1Api)
      .deleteClusterRoleBinding({ name: mistaken.named("proa-deployer-mistake") });
    await core.deleteNamespace({ name: careless });
    await mistaken.remove();
  });

  type Row = readonly [attempt: string, request: () => KubeRequest, because: string];
  const [labels, rights] = ["does not change the labels", "changes no other rights"];
  const rows: readonly Row[] = [
    [
      "another pull request's label",
      () => patch(`/api/v1/namespaces/${careless}`, relabel("proa.dev/pull-request", "8")),
      labels,
    ],
    [
      "another repository's label",
      () => patch(`/api/v1/namespaces/${careless}`, relabel("proa.dev/repository-id", "8")),
      labels,
    ],
    [
      "no label at all",
      () => patch(`/api/v1/namespaces/${careless}`, relabel("app.kubernetes.io/managed-by", null)),
      labels,
    ],
    ["weaker pod security", () => patch(`/api/v1/namespaces/${careless}`, relabel(ENFORCE, "privileged")), labels],
    [
      "its labels on a foreign namespace",
      () => patch(`/api/v1/namespaces/${foreign}`, { metadata: { labels: LABELS } }),
      "only namespaces of previews",
    ],
    ["the end of a foreign namespace", () => remove(`/api/v1/namespaces/${foreign}`), "only namespaces of previews"],
    [
      "a ClusterRoleBinding",
      () => create(`${RBAC}/clusterrolebindings`, { ...binding(), kind: "ClusterRoleBinding" }),
      rights,
    ],
    ["a role", () => create(`${RBAC}/namespaces/${careless}/roles`, { ...binding(), kind: "Role", rules: [] }), rights],
    [
      "more rights in its own role",
      () => patch(`${RBAC}/clusterroles/${mistaken.named("proa-preview")}`, { rules: [] }),
      rights,
    ],
    ["the end of a foreign role", () => remove(`${RBAC}/clusterroles/${installation.named("proa-preview")}`), rights],
    [
      "a binding in a foreign namespace",
      () => create(bindingsIn(foreign), binding()),
      "only in namespaces of previews",
    ],
  ];
  test.for(rows)("%s: refused", async ([, request, because]) => {
    const { status, text } = await almighty(request());
    expect({ status, text }).toEqual({ status: 403, text: expect.stringContaining(because) as unknown });
  });
});

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ENFORCE = "pod-security.kubernetes.io/enforce";
const LABELS = {
  "app.kubernetes.io/managed-by": "proa",
  "proa.dev/repository-id": "12",
  "proa.dev/pull-request": "7",
  [ENFORCE]: "baseline",
};

const get = (path: string): KubeRequest => ({ method: "GET", path });
const create = (path: string, value: object): KubeRequest => ({
  method: "POST",
  path,
  body: { type: "application/json", value },
});
const patch = (path: string, value: object): KubeRequest => ({
  method: "PATCH",
  path,
  body: { type: "application/merge-patch+json", value },
});
const remove = (path: string): KubeRequest => ({ method: "DELETE", path });

/** RBAC decides before anybody looks at the object. */
const named = (kind: string, name: string): object => ({ kind, metadata: { name } });
const namespaceOf = (name: string, labels: object = LABELS): object => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: name === "x" ? uniqueName("x") : name, labels },
});
const relabel = (label: string, value: string | null): object => ({ metadata: { labels: { [label]: value } } });
const bindingsIn = (namespace: string): string => `${RBAC}/namespaces/${namespace}/rolebindings`;
const role = (name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name });
const binding = (name = installation.named("proa-deployer")) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { name },
  roleRef: role(installation.named("proa-preview")),
  subjects: [{ kind: "ServiceAccount", name: installation.named("proa-deployer"), namespace: installation.namespace }],
});
