import { afterEach, expect, test } from "vitest";
import type { MissingRight } from "../../src/core/problem.ts";
import { status } from "./kubernetes-server.ts";
import { against, closeServers, object, ok, problemOf } from "./kubernetes-stub.ts";

afterEach(closeServers);

/** As a kube-apiserver 1.36 words them. */
test.for<[string, MissingRight]>([
  [
    'deployments.apps is forbidden: User "system:serviceaccount:proa:proa-deployer" cannot create resource "deployments" in API group "apps" in the namespace "shop-7"',
    { verb: "create", resource: "deployments.apps", namespace: "shop-7" },
  ],
  [
    'pods "web-1" is forbidden: User "proa" cannot get resource "pods/log" in API group "" in the namespace "shop-7"',
    { verb: "get", resource: "pods/log", namespace: "shop-7" },
  ],
  [
    'namespaces is forbidden: User "proa" cannot list resource "namespaces" in API group "" at the cluster scope',
    { verb: "list", resource: "namespaces", namespace: null },
  ],
  [
    'deployments.apps is forbidden: User "proa" cannot list resource "deployments" in API group "apps" in the namespace "shop-7": RBAC: clusterrole.rbac.authorization.k8s.io "proa-preview" not found',
    { verb: "list", resource: "deployments.apps", namespace: "shop-7" },
  ],
  [
    'rolebindings.rbac.authorization.k8s.io "proa-deployer" is forbidden: user "proa" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
    { verb: "bind", resource: "clusterroles.rbac.authorization.k8s.io", namespace: null },
  ],
])("a right that is missing is named: %s", async ([message, missing]) => {
  const { kubernetes } = await against(() => status(403, "Forbidden", message));
  expect(await problemOf(kubernetes.create(object))).toMatchObject({ code: "forbidden", retryable: false, missing });
});

test.for([
  "namespaces \"x\" is forbidden: ValidatingAdmissionPolicy 'proa-namespaces' with binding 'proa-namespaces' denied request: User \"x\" cannot be",
  'pods "web" is forbidden: violates PodSecurity "baseline:latest": privileged',
  'pods "web" is forbidden: exceeded quota: proa-preview, requested: pods=1, used: pods=30, limited: pods=30',
])("what admission turns away is no missing right: %s", async (message) => {
  const { kubernetes } = await against(() => status(403, "Forbidden", message));
  const problem = await problemOf(kubernetes.create(object));
  expect(problem.code).toBe("invalid");
  expect(problem.missing).toBeUndefined();
});

const REFUSED = 'pods is forbidden: User "proa" cannot list resource "pods" in API group "" in the namespace "shop-7"';

test.for([
  ["is gone", status(404, "NotFound", 'namespaces "shop-7" not found')],
  ["is going", ok({ metadata: { name: "shop-7", uid: "u", deletionTimestamp: "2026-11-22T05:00:00Z" } })],
] as const)("a namespace that %s has nothing in it, though nobody may look there any more", async ([, namespace]) => {
  const { kubernetes } = await against(({ path }) =>
    path === "/api/v1/namespaces/shop-7" ? namespace : status(403, "Forbidden", REFUSED),
  );
  expect(await kubernetes.workloads("shop-7")).toEqual({ deployments: [], replicaSets: [], pods: [] });
});

test("a namespace that stands and may not be looked into is not an empty one", async () => {
  const { kubernetes } = await against(({ path }) =>
    path === "/api/v1/namespaces/shop-7"
      ? ok({ metadata: { name: "shop-7", uid: "u" } })
      : status(403, "Forbidden", REFUSED),
  );
  expect(await problemOf(kubernetes.workloads("shop-7"))).toMatchObject({ code: "forbidden" });
});
