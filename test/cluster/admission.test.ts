import {
  AdmissionregistrationV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  NetworkingV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
} from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import type { Journey } from "../journeys/harness.ts";
import { configure, kubectl, live, STAGING_ALONE, statusIs } from "../journeys/races-support.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";

const startWorld = await leastPrivilegedWorlds();

function client({ world }: Journey): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(world.cluster.kubeconfig("admin"));
  return config;
}

/** A pod as somebody would try it out in that namespace, without anything that it need not have. */
const pod = (namespace: string, name: string, change: Partial<V1Pod["spec"] & object> = {}) => ({
  namespace,
  body: { metadata: { name }, spec: { containers: [{ name: "tool", image: "example.com/tool" }], ...change } },
});

const report = (shop: Journey, sha: string, name: string) =>
  shop.until(() => shop.checkRun(sha, name), `${name} is there`);

describe.concurrent("what a real API server admits", () => {
  test("a LimitRange that the pods exceed ends the rollout at once, with the limit and what to do", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const before = (await shop.live(shop.namespaces.staging))["web"]?.annotations["proa.dev/commit"] ?? "";
    const limits = [{ type: "Container", max: { memory: "64Mi" } }];
    await kubectl(shop).core.createNamespacedLimitRange({
      namespace: shop.namespaces.staging,
      body: { metadata: { name: "small" }, spec: { limits } },
    });
    const sha = await shop.person.push("main", "good");
    expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain(
      "maximum memory usage per Container is 64Mi",
    );
    await shop.quiet();

    const { text } = await report(shop, sha, "proa/staging report");
    expect(text).toContain("Set `resources` in .proa.yml within the limits of the namespace.");
    expect(await shop.serving("staging.shop.localhost")).toBe(before);
  });

  test("pods that the namespace's pod security level refuses are told with the level and the field", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    await kubectl(shop).core.patchNamespace(
      {
        name: shop.namespaces.staging,
        body: { metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
      },
      setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
    const sha = await shop.person.push("main", "good");
    expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain(
      'pod security "restricted:latest" is violated',
    );

    const { text } = await report(shop, sha, "proa/staging report");
    expect(text).toContain("runAsNonRoot != true");
  });

  test("an admission policy that denies the pods is named with what it says", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const policies = client(shop).makeApiClient(AdmissionregistrationV1Api);
    const name = `freeze${shop.apart}`;
    t.onTestFinished(async () => {
      await policies.deleteValidatingAdmissionPolicyBinding({ name });
      await policies.deleteValidatingAdmissionPolicy({ name });
    });
    const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] };
    await policies.createValidatingAdmissionPolicy({
      body: {
        metadata: { name },
        spec: {
          matchConstraints: { resourceRules: [rule] },
          validations: [{ expression: "false", message: "no releases during the regatta" }],
        },
      },
    });
    const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": shop.namespaces.staging } };
    await policies.createValidatingAdmissionPolicyBinding({
      body: {
        metadata: { name },
        spec: { policyName: name, validationActions: ["Deny"], matchResources: { namespaceSelector } },
      },
    });
    // A policy binds a moment after it is made.
    await shop.until(async () => isRefused(kubectl(shop).core, shop.namespaces.staging), "the policy is in force");
    const sha = await shop.person.push("main", "good");
    expect(await statusIs(shop, sha, "proa/staging", "failure")).toContain(`admission policy ${name} denied the pods`);
    expect((await report(shop, sha, "proa/staging report")).text).toContain("no releases during the regatta");
  });

  test("a preview's namespace refuses what reaches for the node, warns of the rest, and limits what asks for nothing", async (t) => {
    const shop = await startWorld(t);
    const { sha, number } = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, sha, "preview");
    const { core } = kubectl(shop);
    const namespace = shop.previewNamespace(number);

    for (const [name, reach] of Object.entries({
      "host-network": { hostNetwork: true },
      "host-process": { hostPID: true },
      "host-path": { volumes: [{ name: "root", hostPath: { path: "/" } }] },
      privileged: { containers: [{ name: "tool", image: "example.com/tool", securityContext: { privileged: true } }] },
    }))
      await expect(core.createNamespacedPod(pod(namespace, name, reach))).rejects.toThrow(/violates PodSecurity/);
    const warned = await core.createNamespacedPodWithHttpInfo(pod(namespace, "plain"));
    expect(warned.headers["warning"]).toMatch(/would violate PodSecurity \\"restricted:latest/);
    expect((await core.readNamespacedPod({ namespace, name: "plain" })).spec?.containers[0]?.resources).toEqual({
      requests: { cpu: "100m", memory: "256Mi" },
      limits: { memory: "256Mi" },
    });
    await expect(
      core.createNamespacedPod(
        pod(namespace, "greedy", {
          containers: [{ name: "tool", image: "example.com/tool", resources: { requests: { cpu: "5" } } }],
        }),
      ),
    ).rejects.toThrow(
      /exceeded quota: proa-preview, requested: requests.cpu=5, used: requests.cpu=\d+m, limited: requests.cpu=4/,
    );
    await expect(
      core.createNamespacedService({
        namespace,
        body: { metadata: { name: "door" }, spec: { type: "NodePort", ports: [{ port: 80 }], selector: { app: "x" } } },
      }),
    ).rejects.toThrow(/exceeded quota: proa-preview, requested: services.nodeports=1/);
  });

  test("a preview's network policy and its way in are stored as they are meant", async (t) => {
    const shop = await startWorld(t);
    const { sha, number } = await shop.person.openPullRequest({ branch: "lamp" });
    await live(shop, sha, "preview");
    const network = client(shop).makeApiClient(NetworkingV1Api);
    const namespace = shop.previewNamespace(number);

    const { spec: policy } = await network.readNamespacedNetworkPolicy({ namespace, name: "proa-preview" });
    expect(policy?.podSelector).toEqual({});
    expect(policy?.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(policy?.ingress).toEqual([
      {
        _from: [
          { podSelector: {} },
          { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress-nginx" } } },
        ],
      },
    ]);
    const blocks = (policy?.egress ?? []).flatMap(({ to }) => to ?? []).flatMap(({ ipBlock }) => ipBlock ?? []);
    expect(blocks.map(({ cidr }) => cidr)).toEqual(["0.0.0.0/0", "::/0"]);
    expect(blocks[0]?.except).toContain("169.254.169.254/32");
    expect(blocks[1]?.except).toContain("fd00:ec2::254/128");

    const { spec: way } = await network.readNamespacedIngress({ namespace, name: "web" });
    expect(way?.rules).toEqual([
      {
        host: "pr-1.shop.localhost",
        http: {
          paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "web", port: { name: "http" } } } }],
        },
      },
    ]);
    const slices = await shop.until(async () => {
      const { subsets } = await kubectl(shop).core.readNamespacedEndpoints({ namespace, name: "web" });
      return subsets?.[0]?.addresses;
    }, "the service has an endpoint");
    expect(slices).toHaveLength(1);
  });

  test("an autoscaler keeps the number of pods that it has set, whatever is deployed meanwhile", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const namespace = shop.namespaces.staging;
    await client(shop)
      .makeApiClient(AutoscalingV2Api)
      .createNamespacedHorizontalPodAutoscaler({
        namespace,
        body: {
          metadata: { name: "web" },
          spec: {
            scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
            minReplicas: 3,
            maxReplicas: 5,
          },
        },
      });
    const replicas = async () => (await shop.live(namespace))["web"]?.ready;
    // While the autoscaler takes its time, the next version rolls out.
    const during = await shop.person.push("main", "good");
    await live(shop, during, "staging");
    await shop.until(async () => (await replicas()) === 3, "the autoscaler has had its way", { stepMs: 0 });

    const image = await shop.person.push("main", "good");
    await live(shop, image, "staging");
    expect(await replicas()).toBe(3);
    const more = await configure(shop, { ...STAGING_ALONE, services: { web: { env: { COLOUR: "red" } } } });
    await live(shop, more, "staging");
    expect(await replicas()).toBe(3);
    const { spec } = await kubectl(shop).apps.readNamespacedDeployment({ namespace, name: "web" });
    expect(spec?.template.spec?.containers[0]?.env).toContainEqual({ name: "COLOUR", value: "red" });
  });

  test("a field that somebody else's tool owns is not taken from it, and the report names both", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const namespace = shop.namespaces.staging;
    const env = [{ name: "COLOUR", value: "blue" }];
    await kubectl(shop).apps.patchNamespacedDeployment(
      {
        name: "web",
        namespace,
        fieldManager: "platform-team",
        force: true,
        body: {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "web", namespace },
          spec: { template: { spec: { containers: [{ name: "web", env }] } } },
        },
      },
      setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply),
    );
    await shop.quiet();
    const sha = await configure(shop, { ...STAGING_ALONE, services: { web: { env: { COLOUR: "red" } } } });
    const said = await statusIs(shop, sha, "proa/staging", "failure");
    expect(said).toContain("platform-team");
    const { summary } = await report(shop, sha, "proa/staging report");
    expect(summary).toContain('.spec.template.spec.containers[name="web"].env[name="COLOUR"].value');
    expect(summary).toContain("take the field out of one of the two");
    await shop.quiet();

    const { spec } = await kubectl(shop).apps.readNamespacedDeployment({ namespace, name: "web" });
    expect(spec?.template.spec?.containers[0]?.env).toContainEqual({ name: "COLOUR", value: "blue" });
  });
});

async function isRefused(core: CoreV1Api, namespace: string): Promise<boolean> {
  return core.createNamespacedPod({ ...pod(namespace, "probe"), dryRun: "All" }).then(
    () => false,
    () => true,
  );
}
