import { KubeConfig, KubernetesObjectApi } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { clusterFacts } from "../../scripts/doctor/cluster-facts.ts";
import { clusterTemplates, namesOf, rightsOf, rulesOf } from "../../scripts/doctor/rights.ts";
import { until } from "../parity/test-cluster.ts";
import { install } from "./privilege-install.ts";
import { realCluster } from "./real-cluster.ts";

const cluster = await realCluster();
const owner = new KubeConfig();
owner.loadFromString(cluster.kubeconfig);

const look = (kubeconfig: string) =>
  clusterFacts({
    name: "default",
    access: kubeconfigAccess(kubeconfig),
    secretsNamespace: "proa",
    ingressLabels: { "kubernetes.io/metadata.name": "kube-system" },
    probe: false,
  });

test("doctor sees on a real API server what of templates/cluster/ is not there, and then that it is", async ({
  skip,
  onTestFinished,
}) => {
  skip(cluster.dir === null, "a person's own cluster gets no roles from a test");
  const before = await look(cluster.kubeconfig);
  expect(before).toMatchObject({
    version: { value: cluster.version },
    ingress: { value: { namespaces: ["kube-system"] } },
  });
  expect(before.missing).toMatchObject({
    value: { subject: "proa", rights: [...rightsOf("proa-deployer"), ...rightsOf("proa-preview-source")] },
  });
  expect(before.roles).toMatchObject({ value: Object.fromEntries(namesOf("ClusterRole").map((name) => [name, null])) });
  expect(before.absentPolicies).toEqual({
    kind: "known",
    value: ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"].flatMap((kind) =>
      namesOf(kind).map((name) => `${kind} ${name}`),
    ),
  });
  expect([before.ingressClasses.kind, before.daemons.kind, before.environments.kind]).toEqual([
    "known",
    "known",
    "known",
  ]);

  // Roles for a group that nobody here is in. The policies stay away: they hold for every preview in the cluster.
  const objects = KubernetesObjectApi.makeApiClient(owner);
  const roles = clusterTemplates().filter(({ kind }) => !kind.startsWith("ValidatingAdmission"));
  const made = structuredClone(roles) as Parameters<KubernetesObjectApi["create"]>[0][];
  onTestFinished(async () => {
    for (const object of made) await objects.delete(object).catch(() => {});
  });
  for (const object of made) await objects.create(object);

  const after = await until(
    () => look(cluster.kubeconfig),
    ({ missing }) => missing.kind === "known" && missing.value.rights.length === 0,
  );
  expect(after.roles).toMatchObject({ value: { "proa-preview": rulesOf("proa-preview") } });
});

test("as Proa, who may not ask about others, it asks about itself and says so", async ({ onTestFinished }) => {
  const installation = await install(owner);
  onTestFinished(() => installation.remove());
  const { missing, caller } = await look(installation.kubeconfig);
  expect(caller).toMatchObject({
    value: `system:serviceaccount:${installation.namespace}:${installation.named("proa-deployer")}`,
  });
  expect(missing).toMatchObject({ value: { subject: "caller" } });
});
