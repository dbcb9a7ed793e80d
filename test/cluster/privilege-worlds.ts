import { KubeConfig } from "@kubernetes/client-node";
import { afterAll } from "vitest";
import { type StartWorld, worldsOn } from "../journeys/harness.ts";
import { install } from "./privilege-install.ts";
import { cannotSteerPods, realCluster } from "./real-cluster.ts";

/**
 * Worlds around the real cluster in which Proa is the account of `templates/cluster/` and has no other right, as in production;
 * for one test file, which they end with.
 */
export async function leastPrivilegedWorlds(): Promise<StartWorld> {
  const cluster = await realCluster();
  const owner = new KubeConfig();
  owner.loadFromString(cluster.kubeconfig);
  const { kubeconfig: deployer, templates, bindEnvironment, remove } = await install(owner);
  afterAll(remove);
  const cannot = cannotSteerPods(cluster);
  const startWorld = worldsOn({ ...cluster, deployer, letIn: (namespace) => bindEnvironment(namespace) });
  return (t, options = {}) => {
    if (cannot !== null) return t.skip(cannot);
    const { interfere = (fx) => fx } = options;
    return startWorld(t, { ...options, interfere: (fx) => ({ ...interfere(fx), templates }) });
  };
}
