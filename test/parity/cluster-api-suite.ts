import {
  type Cluster,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { deployment } from "./cluster-world.ts";
import { refusal, uniqueName, until, type StartCluster, type TestCluster } from "./test-cluster.ts";

/** What any API server answers to any client: writes, patches, server-side apply, deletion, lists and watches. */
export function clusterApiSuite(start: StartCluster): void {
  let cluster: TestCluster;
  let namespace: string;

  beforeAll(async () => {
    cluster = await start();
  });

  afterAll(() => cluster.close());

  beforeEach(async () => {
    namespace = uniqueName("api");
    await cluster.core.createNamespace({ body: { metadata: { name: namespace } } });
  });

  afterEach(() => cluster.abandon(namespace));

  describe("writes", () => {
    test("generation counts changes of the spec, and of a Deployment's annotations, but not of labels", async () => {
      const created = await cluster.apps.createNamespacedDeployment({
        namespace,
        body: deployment(cluster.images.good, paused),
      });
      expect(created.metadata?.generation).toBe(1);
      expect(created.metadata?.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);

      const merge = asPatch(PatchStrategy.MergePatch);
      const name = "web";
      const after = async (body: object): Promise<number | undefined> =>
        (await cluster.apps.patchNamespacedDeployment({ namespace, name, body }, merge)).metadata?.generation;
      expect(await after({ metadata: { labels: { a: "b" } } })).toBe(1);
      expect(await after({ metadata: { annotations: { a: "b" } } })).toBe(2);
      expect(await after({ spec: { minReadySeconds: 2 } })).toBe(3);
      await until(
        () => cluster.apps.readNamespacedDeployment({ namespace, name }),
        ({ status }) => status?.observedGeneration === 3,
      );
    });

    test("a write that changes nothing keeps the resourceVersion", async () => {
      const { metadata } = await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
      const again = await cluster.core.replaceNamespacedConfigMap({
        namespace,
        name: "settings",
        body: configMap({ a: "1" }),
      });
      expect(again.metadata?.resourceVersion).toBe(metadata?.resourceVersion);
    });

    test("names what it refuses: exists, stale, missing, unknown kind, wrong type", async () => {
      const created = await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
      expect(await refusal(cluster.core.createNamespacedConfigMap({ namespace, body: configMap({}) }))).toMatchObject({
        code: 409,
        reason: "AlreadyExists",
      });
      await cluster.core.replaceNamespacedConfigMap({ namespace, name: "settings", body: configMap({ a: "2" }) });
      const stale = {
        ...configMap({ a: "3" }),
        metadata: { name: "settings", resourceVersion: created.metadata?.resourceVersion ?? "" },
      };
      expect(
        await refusal(cluster.core.replaceNamespacedConfigMap({ namespace, name: "settings", body: stale })),
      ).toMatchObject({
        code: 409,
        reason: "Conflict",
      });
      expect(await refusal(cluster.core.readNamespacedConfigMap({ namespace, name: "none" }))).toMatchObject({
        code: 404,
        message: `configmaps "none" not found`,
      });
      const job = { apiVersion: "nowhere.example/v1", kind: "Job", metadata: { name: "x", namespace } };
      await expect(cluster.objects.create(job)).rejects.toThrow("HTTP-Code: 404");
      const wrong = {
        ...deployment(cluster.images.good),
        spec: { ...deployment(cluster.images.good).spec, replicas: "two" as unknown as number },
      };
      expect(await refusal(cluster.objects.create({ ...wrong, metadata: { name: "web", namespace } }))).toMatchObject({
        code: 400,
      });
    });

    test("a dry run stores nothing", async () => {
      await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({}), dryRun: "All" });
      expect(await refusal(cluster.core.readNamespacedConfigMap({ namespace, name: "settings" }))).toMatchObject({
        code: 404,
      });
    });
  });

  describe("JSON Patch", () => {
    const operations = (uid: string | undefined, value = "new") => [
      { op: "test", path: "/metadata/uid", value: uid },
      { op: "replace", path: "/data/a", value },
    ];

    test("applies where its tests hold", async () => {
      const { metadata } = await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "old" }) });
      const patched = await cluster.core.patchNamespacedConfigMap({
        namespace,
        name: "settings",
        body: operations(metadata?.uid),
      });
      expect(patched.data).toEqual({ a: "new" });
    });

    test("answers a failed test as the real API server does", async () => {
      await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "old" }) });
      const status = await refusal(
        cluster.core.patchNamespacedConfigMap({ namespace, name: "settings", body: operations("another") }),
      );
      expect(status).toMatchObject({
        code: 422,
        reason: "Invalid",
        message: "the server rejected our request due to an error in our request",
      });
    });

    test("of two writers that saw the same revision, one is late", async () => {
      const body = { ...configMap({ a: "old" }), metadata: { name: "settings", annotations: { revision: "1" } } };
      await cluster.core.createNamespacedConfigMap({ namespace, body });
      const write = (by: string) =>
        cluster.core.patchNamespacedConfigMap({
          namespace,
          name: "settings",
          body: [
            { op: "test", path: "/metadata/annotations/revision", value: "1" },
            { op: "replace", path: "/metadata/annotations/revision", value: "2" },
            { op: "replace", path: "/data/a", value: by },
          ],
        });
      const results = await Promise.allSettled([write("one"), write("two")]);
      expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });
  });

  describe("server-side apply", () => {
    const intent = (data: Record<string, string>) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace },
      data,
    });
    const apply = (fieldManager: string, data: Record<string, string>, force = false) =>
      cluster.objects.patch(
        intent(data),
        undefined,
        undefined,
        fieldManager,
        force,
        PatchStrategy.ServerSideApply,
      ) as Promise<{ data?: object }>;

    test("removes what its manager leaves out, and only that", async () => {
      await apply("proa", { a: "1", b: "1" });
      await apply("other", { c: "1" });
      expect((await apply("proa", { a: "1" })).data).toEqual({ a: "1", c: "1" });
    });

    test("names the other manager and the field in a conflict, and takes them over when forced", async () => {
      await apply("proa", { a: "1" });
      expect(await refusal(apply("other", { a: "2" }))).toMatchObject({
        code: 409,
        reason: "Conflict",
        message: `Apply failed with 1 conflict: conflict with "proa": .data.a`,
        details: { causes: [{ reason: "FieldManagerConflict", field: ".data.a" }] },
      });
      expect((await apply("other", { a: "2" }, true)).data).toEqual({ a: "2" });
    });

    test("keeps to the uid and resourceVersion it is given", async () => {
      const { metadata } = (await apply("proa", { a: "1" })) as V1ConfigMap;
      const uid = "00000000-0000-4000-8000-000000000000";
      const withMetadata = (more: object) => {
        const body = { ...intent({ a: "2" }), metadata: { name: "settings", namespace, ...more } };
        return refusal(cluster.objects.patch(body, undefined, undefined, "proa", false, PatchStrategy.ServerSideApply));
      };
      expect(await withMetadata({ resourceVersion: "1" })).toMatchObject({ code: 409, reason: "Conflict" });
      expect(await withMetadata({ uid, resourceVersion: "1" })).toMatchObject({ code: 409, reason: "Conflict" });
      expect(await withMetadata({ uid })).toMatchObject({
        code: 422,
        reason: "Invalid",
        details: { causes: expect.arrayContaining([expect.objectContaining({ field: "metadata.uid" })]) },
      });
      await cluster.core.deleteNamespacedConfigMap({ namespace, name: "settings" });
      expect(await withMetadata({ uid: metadata?.uid })).toMatchObject({ code: 409, reason: "Conflict" });
    });

    test("merges containers, env and ports by their keys", async () => {
      await cluster.apps.createNamespacedDeployment({ namespace, body: deployment(cluster.images.good, paused) });
      const body = {
        spec: {
          template: {
            spec: { containers: [{ name: "web", image: cluster.images.good, env: [{ name: "LOG", value: "debug" }] }] },
          },
        },
      };
      const patched = await cluster.apps.patchNamespacedDeployment(
        { namespace, name: "web", body },
        asPatch(PatchStrategy.StrategicMergePatch),
      );
      const [container] = patched.spec?.template.spec?.containers ?? [];
      expect(container?.env?.map(({ name }) => name)).toEqual(["LOG", "PORT"]);
      expect(container?.ports).toHaveLength(1);
    });
  });

  describe("deletion", () => {
    test("keeps to the uid it is given", async () => {
      await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({}) });
      const call = cluster.core.deleteNamespacedConfigMap({
        namespace,
        name: "settings",
        body: { preconditions: { uid: "another" } },
      });
      expect(await refusal(call)).toMatchObject({ code: 409, reason: "Conflict" });
    });

    test("waits for finalizers, and the namespace says what it waits for", async () => {
      const body = { ...configMap({}), metadata: { name: "settings", finalizers: ["example.com/hold"] } };
      await cluster.core.createNamespacedConfigMap({ namespace, body });
      await cluster.core.deleteNamespace({ name: namespace });
      const held = await until(
        () => cluster.core.readNamespace({ name: namespace }),
        ({ status }) =>
          (status?.conditions ?? []).some(
            ({ type, status: is }) => type === "NamespaceFinalizersRemaining" && is === "True",
          ),
      );
      expect(held.status?.phase).toBe("Terminating");
      expect(
        await refusal(cluster.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "more" } } })),
      ).toMatchObject({
        code: 403,
        details: { causes: [{ reason: "NamespaceTerminating" }] },
      });

      await cluster.core.patchNamespacedConfigMap({
        namespace,
        name: "settings",
        body: [{ op: "remove", path: "/metadata/finalizers" }],
      });
      await until(
        () => cluster.core.listNamespace(),
        ({ items }) => items.every(({ metadata }) => metadata?.name !== namespace),
      );
    });
  });

  describe("lists and watches", () => {
    test("select by label and field, and come in pages", async () => {
      for (const name of ["a", "b", "c"]) {
        await cluster.core.createNamespacedConfigMap({
          namespace,
          body: { metadata: { name, labels: { ours: "yes", odd: String(name !== "b") } } },
        });
      }
      const listed = async (query: object) =>
        await cluster.core.listNamespacedConfigMap({ namespace, labelSelector: "ours", ...query });
      const names = async (query: object) => (await listed(query)).items.map(({ metadata }) => metadata?.name);
      expect(await names({ labelSelector: "odd=true" })).toEqual(["a", "c"]);
      expect(await names({ labelSelector: "ours,odd notin (true)" })).toEqual(["b"]);
      expect(await names({ fieldSelector: "metadata.name=c" })).toEqual(["c"]);
      const first = await listed({ limit: 2 });
      expect(first.items.map(({ metadata }) => metadata?.name)).toEqual(["a", "b"]);
      expect(await names({ _continue: first.metadata?._continue })).toEqual(["c"]);
    });

    test("a watch resumes where a list ended", async () => {
      const { metadata } = await cluster.core.listNamespacedConfigMap({ namespace });
      await cluster.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
      await cluster.core.deleteNamespacedConfigMap({ namespace, name: "settings" });
      const seen: string[] = [];
      const stop = await new Watch(cluster.config).watch(
        `/api/v1/namespaces/${namespace}/configmaps`,
        { resourceVersion: metadata?.resourceVersion, fieldSelector: "metadata.name=settings" },
        (type: string) => seen.push(type),
        () => {},
      );
      await until(
        () => seen.length,
        (length) => length >= 2,
      );
      stop.abort();
      expect(seen).toEqual(["ADDED", "DELETED"]);
    });
  });

  test("a stranger's token is refused", async () => {
    const stranger = new KubeConfig();
    stranger.loadFromClusterAndUser(cluster.config.getCurrentCluster() as Cluster, { name: "x", token: "nobody's" });
    await expect(stranger.makeApiClient(CoreV1Api).listNamespace()).rejects.toMatchObject({ code: 401 });
  });
}

const paused = { replicas: 0 };
const configMap = (data: Record<string, string>) => ({ metadata: { name: "settings" }, data });
const asPatch = (strategy: (typeof PatchStrategy)[keyof typeof PatchStrategy]) =>
  setHeaderOptions("Content-Type", strategy);
