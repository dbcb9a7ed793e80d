import { afterEach, describe, expect, test } from "vitest";
import { status, type Answer } from "./kubernetes-server.ts";
import {
  against,
  closeServers,
  deployment,
  DEPLOYMENTS,
  image,
  notFound,
  object,
  ok,
  problemOf,
  UID,
} from "./kubernetes-stub.ts";

afterEach(closeServers);

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
