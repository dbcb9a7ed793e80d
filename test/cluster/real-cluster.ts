import { beforeEach, inject } from "vitest";

import { clientsFor, type TestCluster } from "../parity/test-cluster.ts";

export interface RealCluster {
  /** The administrator's, as text. */
  readonly kubeconfig: string;
  /** The minicluster's folder, with its logs; null where the cluster is a person's own (TEST_KUBECONFIG). */
  readonly dir: string | null;
  readonly version: string;
}

declare module "vitest" {
  interface ProvidedContext {
    cluster: RealCluster;
  }
}

/** The one cluster of this run, which all test files share (`global-setup.ts`): each in namespaces of its own. */
export async function realCluster(): Promise<RealCluster> {
  return inject("cluster");
}

/** Why a test that steers its pods by their image's digest (`minicluster/stages/pods.yaml`) cannot run; null where it can. */
export const cannotSteerPods = ({ dir }: RealCluster): string | null =>
  dir === null ? "only minicluster's fake kubelet plays pods, and TEST_KUBECONFIG names another cluster" : null;

/** For a file whose pods must run, or fail, as its images say. */
export function needsPlayedPods(): void {
  beforeEach(async ({ skip }) => {
    const cannot = cannotSteerPods(await realCluster());
    skip(cannot !== null, cannot ?? "");
  });
}

/** The shared cluster for a suite that also runs on the local one. */
export async function startReal(): Promise<TestCluster> {
  const { kubeconfig, dir } = await realCluster();
  const clients = clientsFor(kubeconfig);
  const image = (end: string): string => `registry.example/acme/shop@sha256:${"0".repeat(61)}${end}`;
  return {
    ...clients,
    images: { good: image("100"), alsoGood: image("200"), crashing: image("3c0") },
    nowMs: Date.now,
    page: null,
    // A minicluster ends with the run, so its namespaces may stay: ending them one by one is most of what it would do.
    abandon: async (namespace) => {
      if (dir === null) await clients.core.deleteNamespace({ name: namespace }).catch(() => {});
    },
    close: () => Promise.resolve(),
  };
}
