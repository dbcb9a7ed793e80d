import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { deployment } from "../parity/cluster-world.ts";
import { clientsFor, uniqueName, until } from "../parity/test-cluster.ts";
import { needsPlayedPods, realCluster } from "./real-cluster.ts";

const namespace = uniqueName("played");
const cluster = await realCluster();
const { core, apps } = clientsFor(cluster.kubeconfig);

beforeAll(() => core.createNamespace({ body: { metadata: { name: namespace } } }));
afterAll(() => core.deleteNamespace({ name: namespace }));

const digest = (end: string): string => `registry.example/acme/shop@sha256:${"5".repeat(62)}${end}`;

async function create(name: string, image: string, more: Parameters<typeof deployment>[1] = {}): Promise<void> {
  const labels = { app: name };
  const body = deployment(image, { replicas: 1, ...more });
  const { template } = body.spec;
  const spec = { ...body.spec, selector: { matchLabels: labels }, template: { ...template, metadata: { labels } } };
  await apps.createNamespacedDeployment({ namespace, body: { ...body, metadata: { name }, spec } });
}

const pods = async (name: string): Promise<V1Pod[]> =>
  (await core.listNamespacedPod({ namespace, labelSelector: `app=${name}` })).items;
const somePod = (name: string, isSo: (pod: V1Pod) => boolean): Promise<V1Pod[]> =>
  until(
    () => pods(name),
    (seen) => seen.some(isSo),
  );
const container = (pod: V1Pod) => pod.status?.containerStatuses?.[0];
const condition = (pod: V1Pod, type: string) => pod.status?.conditions?.find((one) => one.type === type);
const eventsOf = async (reason: string): Promise<string[]> =>
  (await core.listNamespacedEvent({ namespace, fieldSelector: `reason=${reason}` })).items.map(
    ({ involvedObject }) => involvedObject.name ?? "",
  );

describe("the fake kubelet plays what the image's digest says", () => {
  needsPlayedPods();

  test("00: a good pod is ready, has an address and a log", async () => {
    await create("good", digest("00"));
    const [pod] = await somePod("good", (pod) => condition(pod, "Ready")?.status === "True");
    expect(pod?.status).toMatchObject({ phase: "Running", podIP: expect.stringMatching(/^10\.244\./) });
    await until(
      () => apps.readNamespacedDeployment({ namespace, name: "good" }),
      ({ status }) => status?.availableReplicas === 1,
    );
    expect(await core.readNamespacedPodLog({ namespace, name: pod?.metadata?.name ?? "" })).toMatch(/nothing runs/);
  });

  test("c0: a container crashes again and again, and its logs can be read", async () => {
    await create("crash", digest("c0"));
    const crashed = await somePod("crash", (pod) => (container(pod)?.restartCount ?? 0) >= 3);
    expect(crashed[0]?.status?.phase).toBe("Running");
    expect(container(crashed[0] as V1Pod)).toMatchObject({
      ready: false,
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { exitCode: 1, reason: "Error" } },
    });
    const name = crashed[0]?.metadata?.name ?? "";
    expect(await core.readNamespacedPodLog({ namespace, name, previous: true })).toMatch(/no database/);
    expect(await eventsOf("BackOff")).toContain(name);
  });

  test("e0: a pod runs and never becomes ready", async () => {
    await create("never", digest("e0"));
    const [pod] = await somePod("never", (pod) => container(pod)?.started === true);
    expect(pod?.status?.phase).toBe("Running");
    expect(condition(pod as V1Pod, "Ready")).toMatchObject({
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [web]",
    });
    expect(await eventsOf("Unhealthy")).toContain(pod?.metadata?.name);
  });

  test("d0: an image cannot be pulled", async () => {
    await create("pull", digest("d0"));
    const [pod] = await somePod("pull", (pod) => container(pod)?.state?.waiting?.reason === "ImagePullBackOff");
    expect(pod?.status?.phase).toBe("Pending");
  });

  test("a0: a pod becomes ready, is evicted, and the ReplicaSet makes another", async () => {
    await create("evicted", digest("a0"));
    const seen = await somePod("evicted", (pod) => pod.status?.reason === "Evicted");
    expect(seen.find((pod) => pod.status?.reason === "Evicted")?.status?.phase).toBe("Failed");
    await until(
      () => pods("evicted"),
      (now) => now.length > 1,
    );
    await apps.deleteNamespacedDeployment({ namespace, name: "evicted" });
  });

  test("a sidecar that is good stays good beside one that crashes", async () => {
    const containers = [
      { name: "web", image: digest("c0") },
      { name: "proxy", image: digest("00") },
    ];
    await create("both", digest("c0"), { pod: { containers } });
    const [pod] = await somePod("both", ({ status }) =>
      (status?.containerStatuses ?? []).some(({ restartCount }) => restartCount >= 2),
    );
    expect(pod?.status?.containerStatuses?.map(({ name, ready }) => [name, ready]).sort()).toEqual([
      ["proxy", true],
      ["web", false],
    ]);
  });
});

test("the real scheduler leaves a pod alone that no node has room for", async () => {
  await create("large", digest("00"), { container: { resources: { requests: { memory: "900Ti" } } } });
  const [pod] = await somePod("large", (pod) => condition(pod, "PodScheduled")?.reason === "Unschedulable");
  expect(condition(pod as V1Pod, "PodScheduled")?.message).toMatch(/Insufficient memory/);
});
