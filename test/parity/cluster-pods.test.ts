import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { V1Deployment, V1ObjectMeta, V1Pod } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import {
  deployment,
  ingress,
  service,
  startRegistry,
  startWorld,
  untilLater,
  visit,
  webServer,
  type TestWorld,
} from "./cluster-world.ts";
import { until } from "./test-cluster.ts";

let world: TestWorld;
let namespace: string;
let host: string;
let count = 0;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.close());

beforeEach(async () => {
  namespace = `pods-${(count += 1)}`;
  host = `${namespace}.localhost`;
  await world.core.createNamespace({ body: { metadata: { name: namespace } } });
});

afterEach(async () => {
  await world.core.deleteNamespace({ name: namespace });
});

async function expose(): Promise<void> {
  await world.core.createNamespacedService({ namespace, body: service });
  await world.networking.createNamespacedIngress({ namespace, body: ingress(host) });
}

function deploy(image: string, more: Parameters<typeof deployment>[1] = {}): Promise<V1Deployment> {
  return world.apps.createNamespacedDeployment({ namespace, body: deployment(image, more) });
}

function setImage(image: string): Promise<V1Deployment> {
  const body = [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: image }];
  return world.apps.patchNamespacedDeployment({ namespace, name: "web", body });
}

function rolledOut(): Promise<V1Deployment> {
  return until(
    () => world.apps.readNamespacedDeployment({ namespace, name: "web" }),
    ({ metadata, spec, status }) =>
      status?.observedGeneration === metadata?.generation &&
      status?.updatedReplicas === spec?.replicas &&
      status?.replicas === spec?.replicas &&
      status?.availableReplicas === spec?.replicas,
  );
}

async function pods(): Promise<V1Pod[]> {
  return (await world.core.listNamespacedPod({ namespace })).items;
}

/** Until a container of some pod waits for this reason. */
async function waitingFor(reason: string): Promise<string> {
  const seen = await untilLater(
    world,
    async () =>
      (await pods()).flatMap(({ status }) => status?.containerStatuses ?? []).map(({ state }) => state?.waiting),
    (states) => states.some((waiting) => waiting?.reason === reason),
  );
  return seen.find((waiting) => waiting?.reason === reason)?.message ?? "";
}

async function progressing(deploymentReason: string): Promise<V1Deployment> {
  return await until(
    () => world.apps.readNamespacedDeployment({ namespace, name: "web" }),
    ({ status }) =>
      (status?.conditions ?? []).some(({ type, reason }) => type === "Progressing" && reason === deploymentReason),
  );
}

test("a rolling update drops no request", async () => {
  await expose();
  expect(world.cluster.route(host, "/")).toBe("unavailable");
  expect(world.cluster.route("nobody.localhost", "/")).toBeNull();
  expect(world.cluster.hosts()).toContain(host);
  await deploy(world.registry.push(webServer("one")));
  await rolledOut();

  const answers = new Map<string, number>();
  const rolling = new AbortController();
  const visitors = Array.from({ length: 4 }, async () => {
    while (!rolling.signal.aborted) {
      const answer = await visit(world.cluster, host);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  });
  await setImage(world.registry.push(webServer("two")));
  await rolledOut();
  await until(
    async () => (await pods()).length,
    (left) => left === 2,
  );
  rolling.abort();
  await Promise.all(visitors);
  expect([...answers.keys()].sort()).toEqual(["one", "two"]);
});

test("an image that is not in the registry: ErrImagePull and back-off, with the registry's words", async () => {
  await deploy(`registry.localhost/acme/shop@sha256:${"0".repeat(64)}`, { replicas: 1 });
  expect(await waitingFor("ImagePullBackOff")).toContain("not found");
});

test("a process that exits is restarted with back-off, and its last log can be read", async () => {
  const crash = { "server.js": `console.error("no database"); process.exit(3);` };
  await deploy(world.registry.push(crash), { replicas: 1 });
  await waitingFor("CrashLoopBackOff");
  const [pod] = await pods();
  const [container] = pod?.status?.containerStatuses ?? [];
  expect(container?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
  expect(container?.restartCount).toBeGreaterThan(0);
  const name = pod?.metadata?.name ?? "";
  const log = await world.core.readNamespacedPodLog({ namespace, name, previous: true, tailLines: 5 });
  expect(log).toBe("no database\n");
});

test("a pod that never gets ready: ProgressDeadlineExceeded when the clock says so, the old version still serving", async () => {
  await expose();
  await deploy(world.registry.push(webServer("one")), { replicas: 1 });
  await rolledOut();
  const deaf = webServer("two", `require("node:http").Server.prototype.listen = () => setInterval(() => {}, 1000);`);
  await setImage(world.registry.push(deaf));
  await progressing("ReplicaSetUpdated");
  world.cluster.clock.step(600_000);
  await progressing("ProgressDeadlineExceeded");
  expect(await visit(world.cluster, host)).toBe("one");
});

test("quota: the ReplicaSet says what it lacks, and the Deployment has ReplicaFailure", async () => {
  await world.core.createNamespacedResourceQuota({
    namespace,
    body: { metadata: { name: "pods" }, spec: { hard: { pods: "1" } } },
  });
  await deploy(world.registry.push(webServer("one")), { replicas: 2 });
  const failed = await until(
    () => world.apps.readNamespacedDeployment({ namespace, name: "web" }),
    ({ status }) => (status?.conditions ?? []).some(({ type }) => type === "ReplicaFailure"),
  );
  const condition = failed.status?.conditions?.find(({ type }) => type === "ReplicaFailure");
  expect(condition?.message).toMatch(
    /^pods "web-\S+" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1$/,
  );
  const { items } = await world.core.listNamespacedEvent({ namespace });
  expect(items.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^Error creating: pods "web-\S+" is forbidden: exceeded quota/),
  );
  await until(
    () => world.core.readNamespacedResourceQuota({ namespace, name: "pods" }),
    ({ status }) => status?.used?.["pods"] === "1",
  );
});

test("environment from Secrets and ConfigMaps; a missing one is named until it is there", async () => {
  await expose();
  const env = [
    { name: "PORT", value: "8080" },
    { name: "DATABASE_URL", valueFrom: { secretKeyRef: { name: "shop", key: "url" } } },
    { name: "GREETING", value: "hello $(LEVEL)" },
  ];
  const image = world.registry.push(webServer("one"), { Env: ["FROM_IMAGE=yes"] });
  await deploy(image, { replicas: 1, container: { env, envFrom: [{ configMapRef: { name: "settings" } }] } });
  expect(await waitingFor("CreateContainerConfigError")).toBe(`configmap "settings" not found`);
  await world.core.createNamespacedConfigMap({
    namespace,
    body: { metadata: { name: "settings" }, data: { LEVEL: "info" } },
  });
  await world.core.createNamespacedSecret({
    namespace,
    body: { metadata: { name: "shop" }, stringData: { other: "x" } },
  });
  await untilLater(
    world,
    () => waitingFor("CreateContainerConfigError"),
    (message) => message === `couldn't find key url in Secret ${namespace}/shop`,
  );
  await world.core.replaceNamespacedSecret({
    namespace,
    name: "shop",
    body: { metadata: { name: "shop" }, stringData: { url: "pg://$(x)" } },
  });
  await untilLater(
    world,
    () => visit(world.cluster, host),
    (answer) => answer === "one",
  );
  const seen = JSON.parse(await visit(world.cluster, host, "/env")) as Record<string, string>;
  expect(seen).toMatchObject({ DATABASE_URL: "pg://$(x)", LEVEL: "info", GREETING: "hello info", FROM_IMAGE: "yes" });
  expect(Object.keys(seen).filter((name) => name.startsWith("VITEST") || name.startsWith("npm_"))).toEqual([]);
});

test("after a restart objects are as they were and pods run again", async () => {
  const registry = await startRegistry();
  const dir = mkdtempSync(join(tmpdir(), "proa-restart-"));
  let restarted = await startWorld({ dir, registry });
  const image = registry.push(webServer("one"));
  await restarted.core.createNamespace({ body: { metadata: { name: "shop", annotations: { kept: "yes" } } } });
  await restarted.core.createNamespacedService({ namespace: "shop", body: service });
  await restarted.networking.createNamespacedIngress({ namespace: "shop", body: ingress("shop.localhost") });
  await restarted.apps.createNamespacedDeployment({ namespace: "shop", body: deployment(image, { replicas: 1 }) });
  const serving = () =>
    until(
      () => visit(restarted.cluster, "shop.localhost"),
      (answer) => answer === "one",
    );
  await serving();
  const before = await snapshot();
  await restarted.close();

  restarted = await startWorld({ dir, registry });
  expect(await snapshot()).toEqual(before);
  await serving();
  expect((await restarted.apps.listNamespacedReplicaSet({ namespace: "shop" })).items).toHaveLength(1);
  await restarted.close();
  registry.close();
  rmSync(dir, { recursive: true });

  async function snapshot() {
    const [ns, web, svc] = await Promise.all([
      restarted.core.readNamespace({ name: "shop" }),
      restarted.apps.readNamespacedDeployment({ namespace: "shop", name: "web" }),
      restarted.core.readNamespacedService({ namespace: "shop", name: "web" }),
    ]);
    const identity = ({ metadata }: { metadata?: V1ObjectMeta }) => [
      metadata?.uid,
      metadata?.creationTimestamp,
      metadata?.generation,
    ];
    return [identity(ns), ns.metadata?.annotations, identity(web), identity(svc), svc.spec?.clusterIP];
  }
});
