import { afterEach, describe, expect, test } from "vitest";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createKubernetes } from "../../src/adapters/kubernetes-client.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { kubeConfigFor, status, type Answer, type Asked } from "./kubernetes-server.ts";
import {
  against,
  closeServers,
  deployment,
  DEPLOYMENTS,
  fixture,
  image,
  notFound,
  ok,
  page,
  problemOf,
} from "./kubernetes-stub.ts";

afterEach(closeServers);

describe("connections", () => {
  test("are kept: once warm, twenty calls open none", async () => {
    const { kubernetes, server: stub } = await against(() => ok(deployment));
    await kubernetes.deployment("shop-7", "web");
    for (let call = 0; call < 20; call += 1) await kubernetes.patchImage(image);
    expect(stub.connections()).toBe(1);
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
    const { kubernetes } = await against(answer, { renewed: () => (renewed += 1) });
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
    const access = kubeconfigAccess(stub.kubeConfig);
    await stub.close();
    const kubernetes = createKubernetes({ cluster: "gone", access, fieldManager: "proa", timeoutMs: 5_000 });
    expect(await problemOf(kubernetes.patchImage(image))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("needs a cluster to talk to", async () => {
    const kubeConfig = kubeConfigFor("http://127.0.0.1:1").replace(
      '"current-context":"stub"',
      '"current-context":"other"',
    );
    const access = kubeconfigAccess(kubeConfig);
    const kubernetes = createKubernetes({ cluster: "x", access, fieldManager: "proa", timeoutMs: 5_000 });
    expect(await problemOf(kubernetes.namespace("shop-7"))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("current-context"),
    });
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
