import { Watch } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { clusterApiSuite } from "./cluster-api-suite.ts";
import { deployment, startLocal, startWorld, webServer, type TestWorld } from "./cluster-world.ts";
import { refusal, until } from "./test-cluster.ts";

clusterApiSuite(startLocal);

describe("the local cluster alone", () => {
  let world: TestWorld;
  let image: string;
  const namespace = "api";

  beforeAll(async () => {
    world = await startWorld();
    image = world.registry.push(webServer("one"));
    await world.core.createNamespace({ body: { metadata: { name: namespace } } });
  });

  afterAll(() => world.close());

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

  test("tells a watch that its beginning is too long ago", async () => {
    const seen: string[] = [];
    const stop = await new Watch(world.config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { resourceVersion: "1" },
      (type: string, { code }: { code?: number }) => seen.push(`${type} ${code}`),
      () => {},
    );
    await until(
      () => seen.length,
      (length) => length > 0,
    );
    stop.abort();
    expect(seen).toEqual(["ERROR 410"]);
  });
});
