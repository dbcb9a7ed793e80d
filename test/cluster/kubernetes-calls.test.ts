import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { kubernetesCallsSuite } from "../parity/kubernetes-calls-suite.ts";
import { uniqueName, until, type TestCluster } from "../parity/test-cluster.ts";
import { startReal } from "./real-cluster.ts";

kubernetesCallsSuite(startReal);

describe("what only a real API server can refuse", () => {
  const namespace = uniqueName("refused");
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startReal();
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await cluster.core.createNamespace({ body: { metadata: { name: namespace, labels } } });
  });
  afterAll(() => cluster.abandon(namespace));

  const as = (token: string | null, renewed?: () => void) => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromString(cluster.kubeconfig);
    const own = kubeConfig.getCurrentCluster();
    if (token !== null && own !== null) kubeConfig.loadFromClusterAndUser(own, { name: "somebody", token });
    const access = kubeconfigAccess(kubeConfig.exportConfig());
    const watched = renewed === undefined ? access : { ...access, renew: renewed };
    return createKubernetes({ cluster: "default", access: watched, fieldManager: "proa", timeoutMs: 30_000 });
  };
  const problemOf = async (call: Promise<unknown>): Promise<Problem> => {
    const thrown: unknown = await call.catch((error: unknown) => error);
    if (!(thrown instanceof OutsideError)) throw new Error(`expected an OutsideError, got ${JSON.stringify(thrown)}`);
    return thrown.problem;
  };
  const settings = (): KubeObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace },
  });

  test("a token nobody issued: the credentials are renewed once", async () => {
    let renewed = 0;
    const kubernetes = as("nobody's", () => (renewed += 1));
    expect(await problemOf(kubernetes.create(settings()))).toMatchObject({ code: "forbidden", retryable: true });
    expect(renewed).toBe(1);
  });

  test("a right that is missing, by name", async () => {
    const name = "bystander";
    await cluster.core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
    const body = { spec: { audiences: [], expirationSeconds: 600 } };
    const { status } = await cluster.core.createNamespacedServiceAccountToken({ namespace, name, body });
    expect(await problemOf(as(status?.token ?? "").create(settings()))).toMatchObject({
      code: "forbidden",
      retryable: false,
      detail: expect.stringMatching(/User "system:serviceaccount:.*:bystander" cannot create resource "configmaps"/),
    });
  });

  test("a pod that pod security does not allow", async () => {
    const containers = [{ name: "web", image: cluster.images.good, securityContext: { privileged: true } }];
    const pod = { ...settings(), kind: "Pod", metadata: { name: "web", namespace }, spec: { containers } };
    expect(await problemOf(as(null).create(pod))).toMatchObject({
      code: "invalid",
      detail: expect.stringContaining("violates PodSecurity"),
    });
  });

  test("what an admission policy of the cluster's owner does not allow, and only that", async () => {
    const name = uniqueName("no-frobs");
    const policies = "admissionregistration.k8s.io/v1";
    await cluster.objects.create({
      apiVersion: policies,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name },
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
        },
        validations: [{ expression: "!has(object.data) || !('frob' in object.data)", message: "no frobs here" }],
      },
    });
    await cluster.objects.create({
      apiVersion: policies,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    });
    try {
      const frob = (n: number): KubeObject => ({
        ...settings(),
        metadata: { name: `frob-${n}`, namespace },
        data: { frob: "1" },
      });
      let n = 0;
      const attempt = () =>
        as(null)
          .create(frob((n += 1)))
          .catch((error: unknown) => error);
      // A policy takes effect a moment after it is stored.
      const refused = await until(attempt, (seen) => seen instanceof OutsideError);
      const { problem } = refused as OutsideError;
      expect(problem).toMatchObject({ code: "invalid", detail: expect.stringContaining("no frobs here") });
      expect((await as(null).create(settings())).kind).toBe("created");
    } finally {
      for (const kind of ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"])
        await cluster.objects.delete({ apiVersion: policies, kind, metadata: { name } });
    }
  });

  test("a kind of its own is found where the cluster keeps it", async () => {
    const group = `${uniqueName("acme")}.example`;
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `widgets.${group}` },
    };
    const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
    await cluster.objects.create({
      ...definition,
      spec: {
        group,
        scope: "Namespaced",
        names: { plural: "widgets", singular: "widget", kind: "Widget" },
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    });
    const widget: KubeObject = { apiVersion: `${group}/v1`, kind: "Widget", metadata: { name: "one", namespace } };
    try {
      const attempt = () =>
        as(null)
          .create(widget)
          .catch((error: unknown) => error);
      // Not served at once; until then the cluster does not know the kind.
      const made = await until(attempt, (seen) => !(seen instanceof OutsideError));
      expect(made).toMatchObject({ kind: "created" });
      expect(await as(null).create(widget)).toEqual({ kind: "exists" });
    } finally {
      await cluster.objects.delete(definition);
    }
  });
});
