import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { explore, summary } from "../faults/explore.ts";
import { opened, pushed } from "../faults/journeys-preview.ts";
import { realCluster } from "./real-cluster.ts";

const tried = new Set<string>();

// What only a real API server can answer: whether the write of a process that died is found again, and not made twice.
test.for([opened, pushed])("a deployer that dies at any call, and $name all the same", async (journey, t) => {
  const { kubeconfig } = await realCluster();
  const cluster = { kubeconfig, apart: randomBytes(3).toString("hex") };
  const explored = await explore(t, journey, {
    cluster,
    lanes: 6,
    tried,
    functions: ["deployer"],
    faults: ["die before", "die after"],
  });
  console.log([summary(explored), ...explored.notMet].join("\n  "));
  expect(explored.failures).toEqual([]);
});
