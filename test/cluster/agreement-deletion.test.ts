import type { V1Namespace } from "@kubernetes/client-node";
import { describe } from "vitest";

import { deployment } from "../parity/cluster-world.ts";
import { until } from "../parity/test-cluster.ts";
import { bothSides, type Side } from "./sides.ts";

const { agree } = bothSides();

const held = (finalizers = ["example.com/hold"]) => ({ metadata: { name: "settings", finalizers }, data: { a: "1" } });
const merge = { type: "application/merge-patch+json" };
const itself = ({ namespace }: Side): string => `/api/v1/namespaces/${namespace}`;
const release = ({ call }: Side) => call("PATCH", "configmaps/settings", { metadata: { finalizers: null } }, merge);
const gone = (side: Side, path: string) =>
  until(
    () => side.call("GET", path),
    ({ status }) => status === 404,
  );

/** A namespace on its way out that one object's finalizer keeps, as far as it gets. */
async function stuck(side: Side): Promise<V1Namespace> {
  await side.call("POST", "configmaps", held());
  await side.call("DELETE", itself(side));
  const { body } = await until(
    () => side.call("GET", itself(side)),
    ({ body }) =>
      ((body as V1Namespace).status?.conditions ?? []).some(
        ({ type, status }) => type === "NamespaceFinalizersRemaining" && status === "True",
      ),
  );
  return body as V1Namespace;
}

describe("an object with a finalizer", () => {
  agree("says when its deletion began, and stays", async (side) => {
    await side.call("POST", "configmaps", held());
    const answers = [await side.call("DELETE", "configmaps/settings"), await side.call("GET", "configmaps/settings")];
    await release(side);
    return answers;
  });
  agree("goes with its last finalizer", async (side) => {
    await side.call("POST", "configmaps", held());
    await side.call("DELETE", "configmaps/settings");
    await release(side);
    return (await gone(side, "configmaps/settings")).body;
  });
  agree("gets no other one once it is going", async (side) => {
    await side.call("POST", "configmaps", held());
    await side.call("DELETE", "configmaps/settings");
    const more = { metadata: { finalizers: ["example.com/hold", "example.com/more"] } };
    const { status, body } = await side.call("PATCH", "configmaps/settings", more, merge);
    await release(side);
    return [status, (body as { reason: string }).reason];
  });
  agree("is in the way of a new one", async (side) => {
    await side.call("POST", "configmaps", held());
    await side.call("DELETE", "configmaps/settings");
    const answer = await side.call("POST", "configmaps", held());
    await release(side);
    return answer;
  });
  agree("can be changed while it is going", async (side) => {
    await side.call("POST", "configmaps", held());
    await side.call("DELETE", "configmaps/settings");
    const { status, body } = await side.call("PATCH", "configmaps/settings", { data: { a: "2" } }, merge);
    await release(side);
    return [status, (body as { data: object }).data];
  });
});

describe("a namespace that is going", () => {
  agree("answers its deletion with itself", async (side) => {
    await side.call("POST", "configmaps", held());
    const { status, body } = await side.call("DELETE", itself(side));
    await release(side);
    const { metadata, spec, status: is } = body as V1Namespace;
    return [status, metadata?.deletionTimestamp !== undefined, spec, is?.phase];
  });
  agree("says what it waits for", async (side) => {
    const { status, spec } = await stuck(side);
    const conditions = status?.conditions?.map(({ type, status: is, reason, message }) => [type, is, reason, message]);
    await release(side);
    return [status?.phase, spec?.finalizers, conditions];
  });
  agree("takes nothing new in, and lets what is there be changed", async (side) => {
    const { call, cluster, namespace } = side;
    await stuck(side);
    const settings = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "more" } };
    const another = { uid: "00000000-0000-4000-8000-000000000000" };
    const apply = { type: "application/apply-patch+yaml", manager: "proa" };
    const answers = [
      await call("POST", "configmaps", settings),
      await call("PATCH", "configmaps/more", settings, apply),
      await call("POST", "deployments", deployment(cluster.images.good)),
      await call("POST", "/api/v1/namespaces", { metadata: { name: namespace } }),
      await call("DELETE", itself(side), { apiVersion: "v1", kind: "DeleteOptions", preconditions: another }),
      (await call("DELETE", itself(side))).status,
      (await call("PATCH", "configmaps/settings", { data: { a: "2" } }, merge)).status,
    ];
    await release(side);
    return answers;
  });
  agree("is gone when nothing holds it, and its name is free", async (side) => {
    await side.call("POST", "deployments", deployment(side.cluster.images.good, { replicas: 1 }));
    await side.call("DELETE", itself(side));
    const { body } = await gone(side, itself(side));
    return [body, (await side.call("POST", "/api/v1/namespaces", { metadata: { name: side.namespace } })).status];
  });
});

describe("what a Deployment owns", () => {
  agree("goes after it in the background", async (side) => {
    await side.call("POST", "deployments", deployment(side.cluster.images.good, { replicas: 1 }));
    await until(
      () => side.call("GET", "pods"),
      ({ body }) => (body as { items: unknown[] }).items.length === 1,
    );
    const { status } = await side.call("DELETE", "deployments/web?propagationPolicy=Background");
    await gone(side, "deployments/web");
    const empty = (path: string) =>
      until(
        () => side.call("GET", path),
        ({ body }) => (body as { items: unknown[] }).items.length === 0,
      );
    return [status, (await empty("replicasets")).status, (await empty("pods")).status];
  });
  agree("stays when it is orphaned", async (side) => {
    await side.call("POST", "deployments", deployment(side.cluster.images.good, { replicas: 0 }));
    await until(
      () => side.call("GET", "replicasets"),
      ({ body }) => (body as { items: unknown[] }).items.length === 1,
    );
    await side.call("DELETE", "deployments/web?propagationPolicy=Orphan");
    await gone(side, "deployments/web");
    const { items } = (await side.call("GET", "replicasets")).body as {
      items: { metadata: { ownerReferences?: [] } }[];
    };
    return items.map(({ metadata }) => metadata.ownerReferences ?? []);
  });
});
