import { ApiException, PatchStrategy, setHeaderOptions, Watch, type V1Status } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { deployment, startWorld, until, webServer, type TestWorld } from "./cluster-world.ts";

let world: TestWorld;
let image: string;
let namespace: string;
let count = 0;

beforeAll(async () => {
  world = await startWorld();
  image = world.registry.push(webServer("one"));
});

afterAll(() => world.close());

beforeEach(async () => {
  namespace = `api-${(count += 1)}`;
  await world.core.createNamespace({ body: { metadata: { name: namespace } } });
});

/** The Status an API call fails with. */
async function refusal(call: Promise<unknown>): Promise<V1Status> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiException)
      return (typeof error.body === "string" ? JSON.parse(error.body) : error.body) as V1Status;
    throw error;
  }
  throw new Error("the call succeeded");
}

const paused = { replicas: 0 };
const configMap = (data: Record<string, string>) => ({ metadata: { name: "settings" }, data });
const asPatch = (strategy: (typeof PatchStrategy)[keyof typeof PatchStrategy]) =>
  setHeaderOptions("Content-Type", strategy);

describe("writes", () => {
  test("generation counts changes of the spec and of nothing else", async () => {
    const created = await world.apps.createNamespacedDeployment({ namespace, body: deployment(image, paused) });
    expect(created.metadata?.generation).toBe(1);
    expect(created.metadata?.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);

    const merge = asPatch(PatchStrategy.MergePatch);
    const name = "web";
    const annotated = await world.apps.patchNamespacedDeployment(
      { namespace, name, body: { metadata: { annotations: { a: "b" } } } },
      merge,
    );
    expect(annotated.metadata?.generation).toBe(1);
    const slower = await world.apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { minReadySeconds: 2 } } },
      merge,
    );
    expect(slower.metadata?.generation).toBe(2);
    await until(
      () => world.apps.readNamespacedDeployment({ namespace, name }),
      ({ status }) => status?.observedGeneration === 2,
    );
  });

  test("a write that changes nothing keeps the resourceVersion", async () => {
    const { metadata } = await world.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
    const again = await world.core.replaceNamespacedConfigMap({
      namespace,
      name: "settings",
      body: configMap({ a: "1" }),
    });
    expect(again.metadata?.resourceVersion).toBe(metadata?.resourceVersion);
  });

  test("names what it refuses: exists, stale, missing, unknown kind, wrong type", async () => {
    const created = await world.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
    expect(await refusal(world.core.createNamespacedConfigMap({ namespace, body: configMap({}) }))).toMatchObject({
      code: 409,
      reason: "AlreadyExists",
    });
    await world.core.replaceNamespacedConfigMap({ namespace, name: "settings", body: configMap({ a: "2" }) });
    const stale = {
      ...configMap({ a: "3" }),
      metadata: { name: "settings", resourceVersion: created.metadata?.resourceVersion ?? "" },
    };
    expect(
      await refusal(world.core.replaceNamespacedConfigMap({ namespace, name: "settings", body: stale })),
    ).toMatchObject({
      code: 409,
      reason: "Conflict",
    });
    expect(await refusal(world.core.readNamespacedConfigMap({ namespace, name: "none" }))).toMatchObject({
      code: 404,
      message: `configmaps "none" not found`,
    });
    const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "x", namespace } };
    await expect(world.objects.create(job)).rejects.toThrow("the server could not find the requested resource");
    const wrong = { ...deployment(image), spec: { ...deployment(image).spec, replicas: "two" as unknown as number } };
    expect(await refusal(world.objects.create({ ...wrong, metadata: { name: "web", namespace } }))).toMatchObject({
      code: 400,
    });
  });

  test.each([
    [
      "init containers",
      { pod: { initContainers: [{ name: "wait", image: "x/y:1" }] } },
      "spec.template.spec.initContainers",
    ],
    ["volumes", { pod: { volumes: [{ name: "data", emptyDir: {} }] } }, "spec.template.spec.volumes[0]"],
    ["a node selector that no node has", { pod: { nodeSelector: { disk: "ssd" } } }, "spec.template.spec.nodeSelector"],
    [
      "grpc probes",
      { container: { readinessProbe: { grpc: { port: 1 } } } },
      "spec.template.spec.containers[0].readinessProbe.grpc",
    ],
  ])("refuses %s, which it could not honour", async (_, more, field) => {
    const status = await refusal(world.apps.createNamespacedDeployment({ namespace, body: deployment(image, more) }));
    expect(status).toMatchObject({ code: 422, reason: "Invalid", details: { causes: [{ field }] } });
  });

  test("a dry run stores nothing", async () => {
    await world.core.createNamespacedConfigMap({ namespace, body: configMap({}), dryRun: "All" });
    expect(await refusal(world.core.readNamespacedConfigMap({ namespace, name: "settings" }))).toMatchObject({
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
    const { metadata } = await world.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "old" }) });
    const patched = await world.core.patchNamespacedConfigMap({
      namespace,
      name: "settings",
      body: operations(metadata?.uid),
    });
    expect(patched.data).toEqual({ a: "new" });
  });

  test("answers a failed test as the real API server does", async () => {
    await world.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "old" }) });
    const status = await refusal(
      world.core.patchNamespacedConfigMap({ namespace, name: "settings", body: operations("another") }),
    );
    expect(status).toMatchObject({
      code: 422,
      reason: "Invalid",
      message: "the server rejected our request due to an error in our request",
    });
  });

  test("of two writers that saw the same revision, one is late", async () => {
    const body = { ...configMap({ a: "old" }), metadata: { name: "settings", annotations: { revision: "1" } } };
    await world.core.createNamespacedConfigMap({ namespace, body });
    const write = (by: string) =>
      world.core.patchNamespacedConfigMap({
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
    world.objects.patch(
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
    await apply("proa", { a: "1" });
    const gone = {
      ...intent({ a: "2" }),
      metadata: { name: "settings", namespace, uid: "00000000-0000-4000-8000-000000000000" },
    };
    const call = world.objects.patch(gone, undefined, undefined, "proa", false, PatchStrategy.ServerSideApply);
    expect(await refusal(call)).toMatchObject({ code: 409, reason: "Conflict" });
  });

  test("merges containers, env and ports by their keys", async () => {
    await world.apps.createNamespacedDeployment({ namespace, body: deployment(image, paused) });
    const body = {
      spec: {
        template: {
          spec: { containers: [{ name: "web", image, env: [{ name: "LOG", value: "debug" }] }] },
        },
      },
    };
    const patched = await world.apps.patchNamespacedDeployment(
      { namespace, name: "web", body },
      asPatch(PatchStrategy.StrategicMergePatch),
    );
    const [container] = patched.spec?.template.spec?.containers ?? [];
    expect(container?.env?.map(({ name }) => name)).toEqual(["PORT", "LOG"]);
    expect(container?.ports).toHaveLength(1);
  });
});

describe("deletion", () => {
  test("keeps to the uid it is given", async () => {
    await world.core.createNamespacedConfigMap({ namespace, body: configMap({}) });
    const call = world.core.deleteNamespacedConfigMap({
      namespace,
      name: "settings",
      body: { preconditions: { uid: "another" } },
    });
    expect(await refusal(call)).toMatchObject({ code: 409, reason: "Conflict" });
  });

  test("waits for finalizers, and the namespace says what it waits for", async () => {
    const body = { ...configMap({}), metadata: { name: "settings", finalizers: ["example.com/hold"] } };
    await world.core.createNamespacedConfigMap({ namespace, body });
    await world.core.deleteNamespace({ name: namespace });
    const held = await until(
      () => world.core.readNamespace({ name: namespace }),
      ({ status }) =>
        (status?.conditions ?? []).some(
          ({ type, status: is }) => type === "NamespaceFinalizersRemaining" && is === "True",
        ),
    );
    expect(held.status?.phase).toBe("Terminating");
    expect(
      await refusal(world.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "more" } } })),
    ).toMatchObject({
      code: 403,
      details: { causes: [{ reason: "NamespaceTerminating" }] },
    });

    await world.core.patchNamespacedConfigMap({
      namespace,
      name: "settings",
      body: [{ op: "remove", path: "/metadata/finalizers" }],
    });
    await until(
      () => world.core.listNamespace(),
      ({ items }) => items.every(({ metadata }) => metadata?.name !== namespace),
    );
  });
});

describe("lists and watches", () => {
  test("select by label and field, and come in pages", async () => {
    for (const name of ["a", "b", "c"]) {
      await world.core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name, labels: { odd: String(name !== "b") } } },
      });
    }
    const names = (list: { items: { metadata?: { name?: string } }[] }) =>
      list.items.map(({ metadata }) => metadata?.name);
    expect(names(await world.core.listNamespacedConfigMap({ namespace, labelSelector: "odd=true" }))).toEqual([
      "a",
      "c",
    ]);
    expect(names(await world.core.listNamespacedConfigMap({ namespace, labelSelector: "odd notin (true)" }))).toEqual([
      "b",
    ]);
    expect(names(await world.core.listNamespacedConfigMap({ namespace, fieldSelector: "metadata.name=c" }))).toEqual([
      "c",
    ]);
    const first = await world.core.listNamespacedConfigMap({ namespace, limit: 2 });
    expect(names(first)).toEqual(["a", "b"]);
    expect(
      names(await world.core.listNamespacedConfigMap({ namespace, _continue: first.metadata?._continue ?? "" })),
    ).toEqual(["c"]);
  });

  test("a watch resumes where a list ended, and is told when that is too long ago", async () => {
    const { metadata } = await world.core.listNamespacedConfigMap({ namespace });
    await world.core.createNamespacedConfigMap({ namespace, body: configMap({ a: "1" }) });
    await world.core.deleteNamespacedConfigMap({ namespace, name: "settings" });
    expect(await watched(metadata?.resourceVersion ?? "", 2)).toEqual(["ADDED settings", "DELETED settings"]);
    expect(await watched("1", 1)).toEqual(["ERROR 410"]);
  });

  async function watched(resourceVersion: string, atLeast: number): Promise<string[]> {
    const seen: string[] = [];
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const stop = await new Watch(world.config).watch(
      path,
      { resourceVersion },
      (type: string, object: { code?: number; metadata?: { name?: string } }) =>
        seen.push(`${type} ${object.code ?? object.metadata?.name}`),
      () => {},
    );
    await until(
      () => seen.length,
      (length) => length >= atLeast,
    );
    stop.abort();
    return seen;
  }
});

test("a stranger's token is refused", async () => {
  const response = await fetchWithToken("nobody's");
  expect(response).toMatchObject({ code: 401, reason: "Unauthorized" });
});

async function fetchWithToken(token: string): Promise<V1Status> {
  const { request } = await import("node:https");
  return await new Promise((resolve, reject) => {
    const call = request(
      `${world.cluster.url}/api/v1/namespaces`,
      { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false },
      (response) => {
        let body = "";
        response.on("data", (chunk: Buffer) => (body += chunk.toString()));
        response.on("end", () => resolve(JSON.parse(body) as V1Status));
      },
    );
    call.on("error", reject);
    call.end();
  });
}
