import { type CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import {
  DEFAULT_PREVIEW_POLICY,
  previewAccess,
  previewNamespace,
  renderPreviewBase,
} from "../../src/core/manifests-preview.ts";
import { renderServices } from "../../src/core/manifests-services.ts";
import { asRevision } from "../../src/core/names.ts";
import { digest, repoId, sha } from "../core/decision-fixture.ts";
import { clientsFor, refusal, uniqueName, until } from "../parity/test-cluster.ts";
import { install, type Installation } from "./privilege-install.ts";
import { realCluster } from "./real-cluster.ts";

const namespace = uniqueName("acme-shop-pr");
const owner = new KubeConfig();
let core: CoreV1Api;
let installation: Installation;
let proa: Kubernetes;

/** A preview as Proa makes it, by the account that Proa has. */
beforeAll(async () => {
  const { kubeconfig } = await realCluster();
  owner.loadFromString(kubeconfig);
  core = clientsFor(kubeconfig).core;
  installation = await install(owner);
  const access = kubeconfigAccess(installation.kubeconfig);
  proa = createKubernetes({ cluster: "default", access, fieldManager: "proa", timeoutMs: 10_000 });
  const { templates } = installation;
  const target = { kind: "preview", repoId, number: 7 } as const;
  const { services } = defaultConfig("main");
  const release = renderServices({
    templates,
    target,
    namespace,
    revision: asRevision(1),
    commit: sha("a"),
    services: services.map((config) => ({ config, image: "registry.example/acme/shop-web", digest: digest("a") })),
    hosts: {},
    ingressClassName: null,
    deadlineMs: 60_000,
    secret: null,
  });
  await proa.create(previewNamespace({ templates, target, namespace }));
  await proa.create(previewAccess({ templates, namespace }));
  await until(
    () => proa.workloads(namespace).catch(() => null),
    (seen) => seen !== null,
  );
  const fences = renderPreviewBase({ templates, target, namespace, policy: DEFAULT_PREVIEW_POLICY });
  for (const object of [...fences, ...release]) await proa.apply(object);
});

afterAll(async () => {
  await core.deleteNamespace({ name: namespace });
  await installation.remove();
});

const pods = async () => (await core.listNamespacedPod({ namespace })).items;

describe("a preview's own pods", () => {
  test("run as the account that has no rights, without a token and without a file of the host", async () => {
    const [pod] = await until(pods, ({ length }) => length > 0);
    expect(pod?.spec).toMatchObject({ serviceAccountName: "default", automountServiceAccountToken: false });
    expect(pod?.spec?.volumes ?? []).toEqual([]);
    const [container] = pod?.spec?.containers ?? [];
    expect(container?.securityContext).toEqual({ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } });
    const account = await core.readNamespacedServiceAccount({ namespace, name: "default" });
    expect(account.automountServiceAccountToken).toBe(false);
  });

  test("reach the internet, and not the addresses where credentials are handed out nor private networks", async () => {
    const { networking } = clientsFor((await realCluster()).kubeconfig);
    const { items } = await networking.listNamespacedNetworkPolicy({ namespace });
    expect(items.map(({ spec }) => spec?.podSelector)).toEqual([{}]);
    const [policy] = items;
    expect(policy?.spec?.policyTypes).toEqual(["Ingress", "Egress"]);
    const blocks = (policy?.spec?.egress ?? []).flatMap(({ to }) => (to ?? []).flatMap(({ ipBlock }) => ipBlock ?? []));
    const except = Object.fromEntries(blocks.map(({ cidr, except: excepted }) => [cidr, excepted]));
    expect(Object.keys(except)).toEqual(["0.0.0.0/0", "::/0"]);
    expect(except["0.0.0.0/0"]).toEqual(
      expect.arrayContaining(["169.254.169.254/32", "169.254.170.23/32", "10.0.0.0/8", "172.16.0.0/12"]),
    );
    expect(except["::/0"]).toEqual(expect.arrayContaining(["fd00:ec2::254/128", "fd00:ec2::23/128", "fc00::/7"]));
    // Rules add up: the only other ones are for the preview itself, and for names.
    const others = (policy?.spec?.egress ?? []).filter(({ to }) => !to?.some(({ ipBlock }) => ipBlock));
    expect(others).toEqual([
      { to: [{ podSelector: {} }] },
      {
        ports: [
          { protocol: "UDP", port: 53 },
          { protocol: "TCP", port: 53 },
        ],
      },
    ]);
  });
});

describe("whoever makes a pod in a preview's namespace, the administrator too, does not get", () => {
  const sound = { containers: [{ name: "c", image: "registry.example/x" }], automountServiceAccountToken: false };
  const [container] = sound.containers;
  const token = { name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } };
  type Row = readonly [what: string, spec: object, because: string];
  const rows: readonly Row[] = [
    ["a file of the host", { volumes: [{ name: "h", hostPath: { path: "/" } }] }, "hostPath volumes"],
    ["the host's network", { hostNetwork: true }, "host namespaces"],
    ["the host's processes", { hostPID: true }, "host namespaces"],
    ["the host's memory", { hostIPC: true }, "host namespaces"],
    [
      "a port of the host",
      { containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 80 }] }] },
      "hostPort",
    ],
    ["privileges", { containers: [{ ...container, securityContext: { privileged: true } }] }, "privileged"],
    [
      "a capability of the host",
      { containers: [{ ...container, securityContext: { capabilities: { add: ["SYS_ADMIN"] } } }] },
      "non-default capabilities",
    ],
    ["another service account", { serviceAccountName: "builder" }, "run as the service account default"],
    ["a token", { automountServiceAccountToken: true }, "get no token to the cluster's API"],
    ["a token as a volume", { volumes: [token] }, "get no token to the cluster's API"],
  ];
  const create = (name: string, spec: object) => {
    const metadata = { name, labels: { app: name } };
    return core.createNamespacedPod({ namespace, dryRun: "All", body: { metadata, spec: { ...sound, ...spec } } });
  };

  beforeAll(async () => {
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: "builder" } } });
  });

  test.for(rows)("%s", async ([what, spec, because]) => {
    const { code, message } = await refusal(create(what.replaceAll(/[^a-z]+/g, "-"), spec));
    expect({ code, message }).toEqual({ code: 403, message: expect.stringContaining(because) as unknown });
  });

  test("which is not to say that no pod is let in: one that says nothing of a token has none", async () => {
    const { spec } = await create("silent", { automountServiceAccountToken: undefined });
    expect(spec).toMatchObject({ serviceAccountName: "default" });
    expect(spec?.volumes ?? []).toEqual([]);
  });
});

test("what Proa renders is what its role allows, and a way around is refused: a Deployment in another namespace", async () => {
  const object: KubeObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "default" },
  };
  await expect(proa.create(object)).rejects.toMatchObject({
    problem: { missing: { verb: "create", resource: "deployments.apps", namespace: "default" } },
  });
});
