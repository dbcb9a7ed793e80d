import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { ImagePatch, Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { ANNOTATION, asRevision, LABEL, MANAGED_BY, type TargetId } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { deployment } from "./cluster-world.ts";
import { uniqueName, until, type StartCluster, type TestCluster } from "./test-cluster.ts";

/** How each call of the deployer's adapter ends on a server that means what it answers; nothing here needs a running pod. */
export function kubernetesCallsSuite(start: StartCluster): void {
  const TARGET = "preview/12/7" as TargetId;
  let cluster: TestCluster;
  let kubernetes: Kubernetes;
  let namespace: string;

  beforeAll(async () => {
    cluster = await start();
    const access = kubeconfigAccess(cluster.kubeconfig);
    kubernetes = createKubernetes({ cluster: "default", access, fieldManager: MANAGED_BY, timeoutMs: 30_000 });
  });
  afterAll(() => cluster.close());
  beforeEach(async () => {
    namespace = uniqueName("calls");
    await cluster.core.createNamespace({ body: { metadata: { name: namespace } } });
  });
  afterEach(() => cluster.abandon(namespace));

  const object = (kind: string, name: string, more: object = {}, apiVersion = "v1"): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
    ...more,
  });
  const settings = (data: object): KubeObject => object("ConfigMap", "settings", { data });
  const web = (more: { replicas?: number | undefined; annotations?: Record<string, string>; ours?: boolean } = {}) => {
    const made = deployment(cluster.images.good);
    const { replicas = 0, annotations = {}, ours = true } = more;
    const labels: Record<string, string> = ours ? { [LABEL.managedBy]: MANAGED_BY } : {};
    return { ...made, metadata: { name: "web", namespace, labels, annotations }, spec: { ...made.spec, replicas } };
  };
  const live = async () => {
    const found = await kubernetes.deployment(namespace, "web");
    if (found === null) throw new Error("web is there");
    return found;
  };
  const problemOf = async (call: Promise<unknown>) => {
    const thrown: unknown = await call.catch((error: unknown) => error);
    if (!(thrown instanceof OutsideError)) throw new Error(`expected an OutsideError, got ${JSON.stringify(thrown)}`);
    return thrown.problem;
  };
  describe("what is not there", () => {
    test("reads as null", async () => {
      expect(await kubernetes.namespace("nowhere")).toBeNull();
      expect(await kubernetes.deployment(namespace, "web")).toBeNull();
      expect(await kubernetes.secret(namespace, "db")).toBeNull();
    });

    test("has no logs", async () => {
      expect(await kubernetes.logs(namespace, "web-a", "app", { previous: true, lines: 25 })).toBe("");
    });

    test("is gone, when it is to be removed", async () => {
      expect(await kubernetes.remove(settings({}), "any")).toBe("gone");
      expect(await kubernetes.deleteNamespace("nowhere", "any")).toBe("gone");
    });

    test("is missing, when it is to be patched or applied on a version that was read", async () => {
      const precondition = { uid: "00000000-0000-4000-8000-000000000000", resourceVersion: "1" };
      expect(await kubernetes.apply(web(), precondition)).toEqual({ kind: "missing" });
    });

    test("is not made where its namespace is missing", async () => {
      const stray = { ...settings({}), metadata: { name: "settings", namespace: "nowhere" } };
      expect(await problemOf(kubernetes.create(stray))).toMatchObject({ code: "not-found" });
    });

    test("is told apart from a kind the cluster does not know", async () => {
      const widget = object("Widget", "one", {}, "acme.example/v1");
      expect(await problemOf(kubernetes.create(widget))).toMatchObject({
        code: "invalid",
        detail: expect.stringContaining("does not know Widget"),
      });
    });
  });

  describe("a creation", () => {
    test("answers uid and generation once, and that it exists from then on", async () => {
      const made = await kubernetes.create(web());
      expect(made).toMatchObject({ kind: "created", generation: 1 });
      expect((await live()).uid).toBe(made.kind === "created" ? made.uid : "");
      expect(await kubernetes.create(web())).toEqual({ kind: "exists" });
    });

    test.each([
      { when: "a field is invalid", more: { replicas: -1 }, detail: "spec.replicas" },
      { when: "a quota is full", more: {}, detail: "exceeded quota" },
    ])("is refused when $when", async ({ more, detail }) => {
      const hard = { "count/deployments.apps": "0" };
      await cluster.core.createNamespacedResourceQuota({
        namespace,
        body: { metadata: { name: "q" }, spec: { hard } },
      });
      const counted = () => cluster.core.readNamespacedResourceQuota({ namespace, name: "q" });
      await until(counted, ({ status }) => status?.used !== undefined);
      expect(await problemOf(kubernetes.create(web(more)))).toMatchObject({
        code: "invalid",
        retryable: false,
        detail: expect.stringContaining(detail),
      });
    });

    test("waits where the namespace is on its way out", async () => {
      const body = { metadata: { name: "held", finalizers: ["example.com/hold"] } };
      await cluster.core.createNamespacedConfigMap({ namespace, body });
      const { uid = "" } = (await cluster.core.readNamespace({ name: namespace })).metadata ?? {};
      expect(await kubernetes.deleteNamespace(namespace, uid)).toBe("deleting");
      expect(await kubernetes.deleteNamespace(namespace, uid)).toBe("deleting");
      expect(await problemOf(kubernetes.create(settings({})))).toMatchObject({ code: "conflict", retryable: true });
      const patch = [{ op: "remove", path: "/metadata/finalizers" }];
      await cluster.core.patchNamespacedConfigMap({ namespace, name: "held", body: patch });
    });
  });

  describe("an image patch", () => {
    const patch = async (more: Partial<ImagePatch> = {}): Promise<ImagePatch> => ({
      namespace,
      deployment: "web",
      container: "web",
      containerIndex: 0,
      from: cluster.images.good,
      image: cluster.images.alsoGood,
      uid: (await live()).uid,
      target: null,
      revision: null,
      annotations: { [ANNOTATION.target]: TARGET, [ANNOTATION.revision]: "1" },
      ...more,
    });

    test("takes up a Deployment that has no annotations at all, once", async () => {
      await kubernetes.create(web({ ours: false }));
      const first = await patch();
      // The deployment controller writes its first annotation and status meanwhile: then it is looked at again.
      const result = await until(
        () => kubernetes.patchImage(first),
        ({ kind }) => kind !== "stale",
      );
      expect(result).toMatchObject({ kind: "applied", changed: true });
      expect((await live()).annotations).toMatchObject(first.annotations);
      expect((await kubernetes.patchImage(first)).kind).toBe("stale");
    });

    test("says that nothing rolls out when the image is the one that was there", async () => {
      await kubernetes.create(web({ annotations: { [ANNOTATION.revision]: "7" } }));
      const same = await patch({ image: cluster.images.good, revision: asRevision(7) });
      expect(await kubernetes.patchImage(same)).toMatchObject({ kind: "applied", changed: false });
    });

    test.each<[string, Partial<ImagePatch>]>([
      ["another revision", { revision: asRevision(9) }],
      ["another target", { target: "preview/12/8" as TargetId }],
      ["another uid", { uid: "00000000-0000-4000-8000-000000000000" }],
      ["another image", { from: "other:1" }],
      ["another container", { container: "app" }],
      ["a container that is not there", { containerIndex: 3 }],
    ])("is stale when it was meant for %s", async (_, more) => {
      await kubernetes.create(web({ annotations: { [ANNOTATION.target]: TARGET, [ANNOTATION.revision]: "7" } }));
      const wanted = await patch({ target: TARGET, revision: asRevision(7), ...more });
      expect((await kubernetes.patchImage(wanted)).kind).toBe("stale");
      expect((await live()).containers[0]?.image).toBe(cluster.images.good);
    });
  });

  describe("server-side apply", () => {
    test("takes back what we had made by POST and now leave out", async () => {
      await kubernetes.create(settings({ a: "1", b: "1" }));
      expect(await kubernetes.apply(settings({ a: "1" }))).toMatchObject({ kind: "applied" });
      const { data } = await cluster.core.readNamespacedConfigMap({ namespace, name: "settings" });
      expect(data).toEqual({ a: "1" });
    });

    test("is refused where somebody else has set a field, and names them", async () => {
      await kubernetes.apply(settings({ a: "1" }));
      const theirs = { ...settings({ a: "2" }), metadata: { name: "settings", namespace } };
      await cluster.objects.patch(theirs, undefined, undefined, "hand");
      expect(await kubernetes.apply(settings({ a: "3" }))).toMatchObject({
        kind: "refused",
        detail: expect.stringMatching(/conflict with "hand".*set by hand/s),
      });
    });

    test("leaves the replicas to whoever scaled", async () => {
      await kubernetes.apply(web({ replicas: 0 }));
      const name = "web";
      const scaled = { namespace, name, body: { spec: { replicas: 1 } } };
      const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
      await cluster.apps.patchNamespacedDeploymentScale(scaled, merge);
      const annotations = { [ANNOTATION.revision]: "2" };
      expect(await kubernetes.apply(web({ replicas: 0, annotations }))).toMatchObject({ kind: "applied" });
      expect(await live()).toMatchObject({ replicas: 1, annotations });
    });

    test.each([
      { end: "stale", when: "it was written since", with: (uid: string) => ({ uid, resourceVersion: "1" }) },
      { end: "stale", when: "another lives under its name", with: () => ({ uid: "other", resourceVersion: "1" }) },
    ])("is $end when $when", async ({ end, with: given }) => {
      const made = await kubernetes.create(settings({ a: "1" }));
      const uid = made.kind === "created" ? made.uid : "";
      expect((await kubernetes.apply(settings({ a: "2" }), given(uid))).kind).toBe(end);
    });

    test("says when it changed nothing", async () => {
      await kubernetes.apply(web());
      expect(await kubernetes.apply(web())).toMatchObject({ kind: "applied", changed: false });
    });
  });

  describe("lists and reads", () => {
    test("of workloads leave out what belongs to others, unless it is named", async () => {
      await kubernetes.create(web({ ours: false }));
      expect((await kubernetes.workloads(namespace)).deployments).toEqual([]);
      const found = await until(
        () => kubernetes.workloads(namespace, ["web"]),
        ({ replicaSets }) => replicaSets.length === 1,
      );
      expect(found.deployments.map(({ name }) => name)).toEqual(["web"]);
      expect(found.replicaSets[0]?.ownerUid).toBe(found.deployments[0]?.uid);
    });

    test("of events begin where they are asked to", async () => {
      await kubernetes.create(web({ replicas: 1 }));
      const began = cluster.nowMs() - 60_000;
      const found = await until(
        () => kubernetes.events(namespace, began),
        (events) => events.some(({ reason }) => reason === "ScalingReplicaSet"),
      );
      expect(found.length).toBeGreaterThan(0);
      expect(await kubernetes.events(namespace, cluster.nowMs() + 3_600_000)).toEqual([]);
    });

    test("of a Secret keep its values as they are", async () => {
      const labels = { team: "a" };
      const body = { metadata: { name: "db", labels }, stringData: { URL: "postgres" } };
      await cluster.core.createNamespacedSecret({ namespace, body });
      expect(await kubernetes.secret(namespace, "db")).toMatchObject({ labels, data: { URL: "cG9zdGdyZXM=" } });
    });
  });

  describe("a removal", () => {
    test("is for one uid: another under the name stays", async () => {
      const made = await kubernetes.create(settings({}));
      const uid = made.kind === "created" ? made.uid : "";
      expect(await kubernetes.remove(settings({}), "00000000-0000-4000-8000-000000000000")).toBe("gone");
      expect(await kubernetes.create(settings({}))).toEqual({ kind: "exists" });
      expect(await kubernetes.remove(settings({}), uid)).toBe("deleting");
      expect(await kubernetes.remove(settings({}), uid)).toBe("gone");
    });
  });
}
