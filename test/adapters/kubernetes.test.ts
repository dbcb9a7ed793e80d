import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { ImagePatch, Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { KubeObject } from "../../src/core/manifests.ts";
import { asRevision, type TargetId } from "../../src/core/names.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { kubeConfigFor, startServer, status, type Answer, type Asked, type StubServer } from "./kubernetes-server.ts";

type Raw = { metadata: Record<string, unknown>; spec: Record<string, unknown> };
const fixture = (name: string): Raw =>
  JSON.parse(readFileSync(new URL(`../fixtures/cluster/${name}.json`, import.meta.url), "utf8")) as Raw;

const deployment = fixture("deployment");
const UID = "0c7f1d6e-7a43-4a0c-9f0e-1b1a3b1f0001";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop-7/deployments";
const ok = (body: unknown): Answer => ({ status: 200, body });
const page = (items: unknown[], next = ""): Answer => ok({ kind: "List", metadata: { continue: next }, items });
const notFound = status(404, "NotFound", 'deployments.apps "web" not found');

let server: StubServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function against(
  answer: (asked: Asked, n: number) => Answer,
  more: { timeoutMs?: number; renew?: () => void } = {},
) {
  let n = 0;
  const started = await startServer((asked) => answer(asked, n++));
  server = started;
  const { kubeConfig, asked } = started;
  const kubernetes = createKubernetes({
    cluster: "default",
    kubeConfig,
    fieldManager: "proa",
    timeoutMs: 5_000,
    ...more,
  });
  return { kubernetes, asked, server: started };
}

const image: ImagePatch = {
  namespace: "shop-7",
  deployment: "web",
  container: "app",
  containerIndex: 0,
  from: "registry.example/acme/shop-web:1",
  image: "registry.example/acme/shop-web:2",
  uid: UID,
  target: "preview/12/7" as TargetId,
  revision: asRevision(7),
  annotations: { "proa.dev/revision": "8", "proa.dev/commit": "c0ffee" },
};
const object: KubeObject = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop-7" },
};
const problemOf = async (call: Promise<unknown>): Promise<Problem> => {
  const error: unknown = await call.then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OutsideError)) throw new Error(`expected an OutsideError, got ${String(error)}`);
  return error.problem;
};

describe("connections", () => {
  test("are kept: once warm, twenty calls open none", async () => {
    const { kubernetes, server: stub } = await against(() => ok(deployment));
    // undici opens a second one for a call that follows before the first has been drained.
    await kubernetes.deployment("shop-7", "web");
    await kubernetes.deployment("shop-7", "web");
    const warm = stub.connections();
    for (let call = 0; call < 20; call += 1) await kubernetes.patchImage(image);
    expect(stub.connections() - warm).toBe(0);
  });

  test("carry the kubeconfig's token", async () => {
    const { kubernetes, asked } = await against(() => ok(deployment));
    await kubernetes.deployment("shop-7", "web");
    expect(asked[0]?.headers.authorization).toBe("Bearer stub-token");
  });

  test("that broke while idle are replaced for a read", async () => {
    const { kubernetes, asked } = await against((_, n) => (n === 0 ? "reset" : ok(deployment)));
    expect((await kubernetes.deployment("shop-7", "web"))?.name).toBe("web");
    expect(asked).toHaveLength(2);
  });

  test("with a token that ran out are tried once more with a new one", async () => {
    let renewed = 0;
    const answer = (_: Asked, n: number): Answer =>
      n === 0 ? status(401, "Unauthorized", "Unauthorized") : ok(deployment);
    const { kubernetes } = await against(answer, { renew: () => (renewed += 1) });
    expect((await kubernetes.patchImage(image)).kind).toBe("applied");
    expect(renewed).toBe(1);
  });
});

describe("a call that has no answer", () => {
  test.each([
    { when: "a write was reset", answer: "reset", write: true, code: "unknown-result" },
    { when: "a write took too long", answer: "silent", write: true, code: "unknown-result" },
    { when: "a read took too long", answer: "silent", write: false, code: "unavailable" },
  ] as const)("$when: $code", async ({ answer, write, code }) => {
    const { kubernetes, asked } = await against(() => answer, { timeoutMs: 200 });
    const call = write ? kubernetes.patchImage(image) : kubernetes.deployment("shop-7", "web");
    expect(await problemOf(call)).toMatchObject({
      code,
      retryable: true,
      detail: expect.stringContaining(DEPLOYMENTS),
    });
    expect(asked).toHaveLength(1);
  });

  test("was never sent where nobody listens: unavailable, also for a write", async () => {
    const { server: stub } = await against(() => notFound);
    const kubeConfig = stub.kubeConfig;
    await stub.close();
    server = null;
    const kubernetes = createKubernetes({ cluster: "gone", kubeConfig, fieldManager: "proa", timeoutMs: 5_000 });
    expect(await problemOf(kubernetes.patchImage(image))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("needs a cluster to talk to", () => {
    const kubeConfig = kubeConfigFor("http://127.0.0.1:1").replace(
      '"current-context":"stub"',
      '"current-context":"other"',
    );
    expect(() => createKubernetes({ cluster: "x", kubeConfig, fieldManager: "proa", timeoutMs: 1 })).toThrow(
      /current-context/,
    );
  });
});

const RBAC =
  'deployments.apps "web" is forbidden: User "proa" cannot patch resource "deployments" in API group "apps" in the namespace "shop-7"';

/** API Priority and Fairness sends the header; older ones only the body. */
const overloaded = {
  status: 429,
  body: { kind: "Status", message: "too many requests", details: { retryAfterSeconds: 7 } },
};

describe("a problem is named", () => {
  test.each([
    {
      when: "credentials are not accepted",
      answer: status(401, "Unauthorized", "Unauthorized"),
      is: { code: "forbidden", retryable: true },
    },
    { when: "a right is missing", answer: status(403, "Forbidden", RBAC), is: { code: "forbidden", retryable: false } },
    {
      when: "the API server is overloaded",
      answer: { ...overloaded, headers: { "retry-after": "3" } },
      is: { code: "rate-limited", retryable: true, retryAfterMs: 3_000 },
    },
    {
      when: "the API server is overloaded and says so in the body",
      answer: overloaded,
      is: { code: "rate-limited", retryable: true, retryAfterMs: 7_000 },
    },
    {
      when: "the API server fails",
      answer: status(500, "InternalError", "etcdserver: leader changed"),
      is: { code: "unknown-result", retryable: true },
    },
    {
      when: "the load balancer gives up",
      answer: { status: 504, body: "<html>504</html>" },
      is: { code: "unknown-result", retryable: true },
    },
    {
      when: "a quota is not counted yet",
      answer: status(403, "Forbidden", 'pods "x" is forbidden: status unknown for quota: q'),
      is: { code: "unavailable", retryable: true },
    },
    {
      when: "the namespace is going",
      answer: status(
        403,
        "Forbidden",
        "unable to create new content in namespace shop-7 because it is being terminated",
      ),
      is: { code: "conflict", retryable: true },
    },
  ])("$when: $is.code", async ({ answer, is }) => {
    const { kubernetes } = await against(() => answer);
    expect(await problemOf(kubernetes.patchImage(image))).toMatchObject({
      ...is,
      detail: expect.stringMatching(/^patch deployments shop-7\/web: ./),
    });
  });

  test("a read that fails has changed nothing", async () => {
    const { kubernetes } = await against(() => status(503, "ServiceUnavailable", "apiserver is shutting down"));
    expect(await problemOf(kubernetes.deployment("shop-7", "web"))).toMatchObject({
      code: "unavailable",
      retryable: true,
    });
  });
});

const INVALID = status(422, "Invalid", 'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1', {
  kind: "Deployment",
  causes: [{ reason: "FieldValueInvalid", message: "Invalid value: -1", field: "spec.replicas" }],
});
/** What kube-apiserver answers for any JSON Patch that does not apply. */
const NO_PATCH = status(422, "Invalid", "the server rejected our request due to an error in our request");

describe("a write ends as", () => {
  test.each([
    { end: "stale", when: "a test of the patch fails", answer: NO_PATCH },
    {
      end: "stale",
      when: "somebody wrote in between",
      answer: status(409, "Conflict", "the object has been modified"),
    },
    { end: "missing", when: "the Deployment is gone", answer: notFound },
    { end: "refused", when: "the object is invalid", answer: INVALID },
    { end: "refused", when: "the request is malformed", answer: status(400, "BadRequest", "strict decoding error") },
    {
      end: "refused",
      when: "a quota is full",
      answer: status(
        403,
        "Forbidden",
        'deployments.apps "web" is forbidden: exceeded quota: compute, requested: count/deployments.apps=1',
      ),
    },
    {
      end: "refused",
      when: "pod security objects",
      answer: status(403, "Forbidden", 'pods "web" is forbidden: violates PodSecurity "restricted:latest": x'),
    },
    {
      end: "refused",
      when: "a webhook objects",
      answer: status(403, "Forbidden", 'admission webhook "v.example" denied the request: no'),
    },
    {
      end: "refused",
      when: "an admission policy objects",
      answer: status(403, "Forbidden", "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
    },
  ])("$end when $when", async ({ end, answer }) => {
    const { kubernetes } = await against(() => answer);
    expect((await kubernetes.patchImage(image)).kind).toBe(end);
  });
});

describe("the image patch", () => {
  test("tests who wrote last and what stands there, then writes annotations and image", async () => {
    const { kubernetes, asked } = await against(() => ok(deployment));
    const result = await kubernetes.patchImage(image);
    expect(result).toEqual({ kind: "applied", uid: UID, generation: 12, resourceVersion: "4711", changed: true });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: "PATCH", path: `${DEPLOYMENTS}/web`, query: { fieldManager: "proa" } });
    expect(asked[0]?.headers["content-type"]).toBe("application/json-patch+json");
    expect(asked[0]?.body).toEqual([
      { op: "test", path: "/metadata/uid", value: UID },
      { op: "test", path: "/metadata/annotations/proa.dev~1target", value: "preview/12/7" },
      { op: "test", path: "/metadata/annotations/proa.dev~1revision", value: "7" },
      { op: "test", path: "/spec/template/spec/containers/0/name", value: "app" },
      { op: "test", path: "/spec/template/spec/containers/0/image", value: "registry.example/acme/shop-web:1" },
      { op: "add", path: "/metadata/annotations/proa.dev~1commit", value: "c0ffee" },
      { op: "add", path: "/metadata/annotations/proa.dev~1revision", value: "8" },
      { op: "replace", path: "/spec/template/spec/containers/0/image", value: "registry.example/acme/shop-web:2" },
    ]);
  });

  test("says that nothing rolls out when the image is the one that was there", async () => {
    const { kubernetes } = await against(() => ok(deployment));
    expect(await kubernetes.patchImage({ ...image, image: image.from })).toMatchObject({
      kind: "applied",
      changed: false,
    });
  });

  test("makes the annotations of a Deployment that has none, and only if it still has none", async () => {
    const { annotations: _, ...metadata } = deployment.metadata;
    const { kubernetes, asked } = await against(({ method }, n) =>
      method === "GET" ? ok({ ...deployment, metadata }) : n === 0 ? NO_PATCH : ok(deployment),
    );
    expect((await kubernetes.patchImage({ ...image, target: null, revision: null })).kind).toBe("applied");
    expect(asked.map(({ method }) => method)).toEqual(["PATCH", "GET", "PATCH"]);
    const operations = asked[2]?.body as { op: string; path: string; value: unknown }[];
    expect(operations[0]).toEqual({ op: "test", path: "/metadata/resourceVersion", value: "4711" });
    expect(operations.at(-2)).toEqual({ op: "add", path: "/metadata/annotations", value: image.annotations });
  });

  test("is stale the first time too, when the Deployment has annotations and something else differs", async () => {
    const { kubernetes, asked } = await against(({ method }) => (method === "GET" ? ok(deployment) : NO_PATCH));
    expect((await kubernetes.patchImage({ ...image, target: null, revision: null })).kind).toBe("stale");
    expect(asked).toHaveLength(2);
  });
});

describe("server-side apply", () => {
  const precondition = { uid: UID, resourceVersion: "4711" };
  const adopted = { ...deployment, metadata: { ...deployment.metadata, managedFields: [], resourceVersion: "4712" } };

  test("makes what is not there", async () => {
    const { kubernetes, asked } = await against(({ method }) =>
      method === "GET" ? notFound : { status: 201, body: deployment },
    );
    expect(await kubernetes.apply(object)).toMatchObject({ kind: "applied", changed: true });
    expect(asked[1]).toMatchObject({ method: "PATCH", query: { fieldManager: "proa", force: "false" }, body: object });
    expect(asked[1]?.headers["content-type"]).toBe("application/apply-patch+yaml");
  });

  test("first moves our own fields to it, then applies on exactly that version", async () => {
    const after = { ...adopted, spec: { ...deployment.spec, replicas: 3 } };
    const answers: Answer[] = [ok(deployment), ok(adopted), ok(after)];
    const { kubernetes, asked } = await against((_, n) => answers[n] ?? notFound);
    expect(await kubernetes.apply(object, precondition)).toMatchObject({ kind: "applied", changed: true });
    expect(asked[1]?.body).toMatchObject([
      { op: "test", path: "/metadata/resourceVersion", value: "4711" },
      { op: "replace", path: "/metadata/managedFields" },
    ]);
    expect(asked[2]?.body).toMatchObject({ metadata: { name: "web", uid: UID, resourceVersion: "4712" } });
  });

  test("says when it changed nothing", async () => {
    const { kubernetes } = await against(() => ok(adopted));
    expect(await kubernetes.apply(object, { uid: UID, resourceVersion: "4712" })).toMatchObject({
      kind: "applied",
      changed: false,
    });
  });

  test.each([
    { end: "missing", when: "it is gone", read: notFound, with: precondition },
    { end: "stale", when: "it was written since", read: ok(deployment), with: { uid: UID, resourceVersion: "4710" } },
    {
      end: "stale",
      when: "another lives under its name",
      read: ok(deployment),
      with: { uid: "other", resourceVersion: "4711" },
    },
  ])("writes nothing and answers $end when $when", async ({ end, read, with: given }) => {
    const { kubernetes, asked } = await against(() => read);
    expect((await kubernetes.apply(object, given)).kind).toBe(end);
    expect(asked).toHaveLength(1);
  });

  const ownedBy = (manager: string): Answer =>
    status(409, "Conflict", "Apply failed with 1 conflict", {
      causes: [
        {
          reason: "FieldManagerConflict",
          message: `conflict with "${manager}" using apps/v1`,
          field: ".spec.replicas",
        },
      ],
    });

  test("is forced over what only we had set", async () => {
    const answers: Answer[] = [ok(adopted), ownedBy("proa"), ok(adopted)];
    const { kubernetes, asked } = await against((_, n) => answers[n] ?? notFound);
    expect((await kubernetes.apply(object)).kind).toBe("applied");
    expect(asked.map(({ query }) => query["force"])).toEqual([undefined, "false", "true"]);
  });

  test("is not forced over others, and names them", async () => {
    const conflict = ownedBy("kubectl-edit");
    const { kubernetes } = await against(({ method }) => (method === "GET" ? ok(adopted) : conflict));
    expect(await kubernetes.apply(object)).toMatchObject({
      kind: "refused",
      detail: expect.stringContaining("set by kubectl-edit"),
    });
  });
});

describe("create", () => {
  test("answers with the new object's uid and generation", async () => {
    const { kubernetes, asked } = await against(() => ({ status: 201, body: deployment }));
    expect(await kubernetes.create(object)).toEqual({ kind: "created", uid: UID, generation: 12 });
    expect(asked[0]).toMatchObject({
      method: "POST",
      path: DEPLOYMENTS,
      query: { fieldManager: "proa" },
      body: object,
    });
  });

  test("answers that it exists", async () => {
    const { kubernetes } = await against(() => status(409, "AlreadyExists", 'deployments.apps "web" already exists'));
    expect(await kubernetes.create(object)).toEqual({ kind: "exists" });
  });

  test("throws what the API server refuses", async () => {
    const { kubernetes } = await against(() => INVALID);
    expect(await problemOf(kubernetes.create(object))).toMatchObject({
      code: "invalid",
      retryable: false,
      detail: expect.stringContaining("spec.replicas"),
    });
  });

  test("asks the cluster once where a kind of its own lives", async () => {
    const resources = [
      { name: "widgets/status", kind: "Widget", namespaced: true },
      { name: "widgets", kind: "Widget", namespaced: true },
    ];
    const { kubernetes, asked } = await against(({ method }) =>
      method === "GET" ? ok({ resources }) : { status: 201, body: deployment },
    );
    const widget = { ...object, apiVersion: "acme.example/v1", kind: "Widget" };
    await kubernetes.create(widget);
    await kubernetes.create(widget);
    expect(asked.map(({ path }) => path)).toEqual([
      "/apis/acme.example/v1",
      ...Array(2).fill("/apis/acme.example/v1/namespaces/shop-7/widgets"),
    ]);
    expect(await problemOf(kubernetes.create({ ...widget, kind: "Gadget" }))).toMatchObject({
      code: "invalid",
      detail: expect.stringContaining("does not know Gadget"),
    });
  });
});

describe("removal", () => {
  const gone = status(
    409,
    "Conflict",
    'Operation cannot be fulfilled on namespaces "shop-7": Precondition failed: UID in precondition: a, UID in object meta: b',
  );
  test.each([
    { end: "deleting", when: "it has begun", answer: ok({ kind: "Status", status: "Success" }) },
    { end: "gone", when: "there is none", answer: notFound },
    { end: "gone", when: "another lives under the name", answer: gone },
    {
      end: "deleting",
      when: "it is already going",
      answer: status(409, "Conflict", "The system is ensuring all content is removed from this namespace."),
    },
  ] as const)("answers $end when $when", async ({ end, answer }) => {
    const { kubernetes, asked } = await against(() => answer);
    expect(await kubernetes.deleteNamespace("shop-7", "u")).toBe(end);
    expect(await kubernetes.remove(object, "u")).toBe(end);
    expect(asked[0]).toMatchObject({
      method: "DELETE",
      path: "/api/v1/namespaces/shop-7",
      body: { preconditions: { uid: "u" }, propagationPolicy: "Background" },
    });
    expect(asked[1]?.path).toBe(`${DEPLOYMENTS}/web`);
  });
});

describe("lists", () => {
  const other = { ...deployment, metadata: { ...deployment.metadata, name: "theirs", uid: "theirs" } };
  const theirSet = {
    ...fixture("replicaset"),
    metadata: { ...fixture("replicaset").metadata, uid: "s", ownerReferences: [{ uid: "theirs", controller: true }] },
  };
  const stray = { ...fixture("pod"), metadata: { ...fixture("pod").metadata, name: "stray", ownerReferences: [] } };
  const world = ({ path }: Asked): Answer =>
    path.endsWith("/deployments")
      ? page([deployment, other])
      : path.endsWith("/replicasets")
        ? page([fixture("replicaset"), theirSet])
        : page([fixture("pod"), stray]);

  test("of workloads are three requests, and leave out what belongs to others", async () => {
    const { kubernetes, asked } = await against(world);
    const found = await kubernetes.workloads("shop-7", ["web"]);
    expect(asked.map(({ path }) => path).sort()).toEqual(
      [DEPLOYMENTS, "/apis/apps/v1/namespaces/shop-7/replicasets", "/api/v1/namespaces/shop-7/pods"].sort(),
    );
    expect(found.deployments.map(({ name }) => name)).toEqual(["web"]);
    expect(found.replicaSets.map(({ name }) => name)).toEqual(["web-5d8f"]);
    expect(found.pods.map(({ name }) => name)).toEqual(["web-5d8f-x7k2p"]);
  });

  test("ask for our label where no names are given", async () => {
    const { kubernetes, asked } = await against(world);
    await kubernetes.workloads("shop-7");
    expect(asked.map(({ query }) => query["labelSelector"]).filter(Boolean)).toEqual([
      "app.kubernetes.io/managed-by=proa",
    ]);
  });

  test("follow every page", async () => {
    const namespace = (name: string) => ({ metadata: { name, uid: name } });
    const { kubernetes, asked } = await against(({ query }) =>
      query["continue"] === undefined ? page([namespace("a")], "more") : page([namespace("b")]),
    );
    expect((await kubernetes.ourNamespaces()).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(asked.map(({ query }) => query["limit"])).toEqual(["500", "500"]);
  });

  test("start again once when a page has expired, and then give up", async () => {
    const expired = status(410, "Expired", "The provided continue parameter is too old");
    const namespace = { metadata: { name: "a", uid: "a" } };
    const healing = await against((_, n) =>
      n === 1 ? expired : n === 0 ? page([namespace], "more") : page([namespace]),
    );
    expect(await healing.kubernetes.ourNamespaces()).toHaveLength(1);
    await healing.server.close();
    const never = await against(({ query }) => (query["continue"] === undefined ? page([namespace], "more") : expired));
    expect(await problemOf(never.kubernetes.ourNamespaces())).toMatchObject({ code: "unavailable" });
  });

  test("of events begin where they are asked to, oldest first", async () => {
    const event = (second: string) => ({
      involvedObject: { kind: "Pod", name: "a" },
      reason: second,
      lastTimestamp: `2026-11-22T05:00:${second}Z`,
    });
    const { kubernetes } = await against(() => page([event("09"), event("01"), event("05")]));
    const found = await kubernetes.events("shop-7", Date.parse("2026-11-22T05:00:05Z"));
    expect(found.map(({ reason }) => reason)).toEqual(["05", "09"]);
  });
});

describe("single reads", () => {
  const reads: [string, (kubernetes: Kubernetes) => Promise<unknown>][] = [
    ["a namespace", (kubernetes) => kubernetes.namespace("shop-7")],
    ["a Deployment", (kubernetes) => kubernetes.deployment("shop-7", "web")],
    ["a Secret", (kubernetes) => kubernetes.secret("shop-7", "db")],
  ];
  test.each(reads)("of %s that is not there answer null", async (_, read) => {
    const { kubernetes } = await against(() => notFound);
    expect(await read(kubernetes)).toBeNull();
  });

  test("of a Secret keep its values as they are", async () => {
    const secret = {
      metadata: { name: "db", uid: "u", resourceVersion: "3", labels: { a: "b" } },
      data: { URL: "cG9zdGdyZXM=" },
    };
    const { kubernetes } = await against(() => ok(secret));
    expect(await kubernetes.secret("shop-7", "db")).toEqual({
      labels: { a: "b" },
      data: { URL: "cG9zdGdyZXM=" },
      resourceVersion: "3",
    });
  });

  test("of logs ask for the last lines of one run", async () => {
    const { kubernetes, asked } = await against(() => ok("one\ntwo\n"));
    expect(await kubernetes.logs("shop-7", "web-a", "app", { previous: true, lines: 25 })).toBe("one\ntwo\n");
    expect(asked[0]).toMatchObject({
      path: "/api/v1/namespaces/shop-7/pods/web-a/log",
      query: { container: "app", previous: "true", tailLines: "25" },
    });
  });

  test("of logs that do not exist are empty", async () => {
    const { kubernetes } = await against((_, n) =>
      n === 0 ? status(400, "BadRequest", "previous terminated container not found") : notFound,
    );
    expect(await kubernetes.logs("shop-7", "web-a", "app", { previous: true, lines: 25 })).toBe("");
    expect(await kubernetes.logs("shop-7", "gone", "app", { previous: false, lines: 25 })).toBe("");
  });

  test("of what is not JSON say so", async () => {
    const { kubernetes } = await against(() => ok("<html>login</html>"));
    expect(await problemOf(kubernetes.deployment("shop-7", "web"))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("<html>login"),
    });
  });
});
