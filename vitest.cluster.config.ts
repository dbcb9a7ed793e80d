import { defineConfig } from "vitest/config";

/** What runs on a real kube-apiserver, with its controllers, its scheduler and a fake kubelet: see test/cluster/. */
export default defineConfig({
  test: {
    include: ["test/cluster/**/*.test.ts"],
    globalSetup: ["test/cluster/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Journeys run side by side, waiting for the cluster; more of them at a time would only wait for each other.
    maxConcurrency: 3,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
