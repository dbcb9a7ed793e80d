import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tiers of their own, each with a configuration and a command: see CONTRIBUTING.
    exclude: ["test/aws/**", "test/cluster/**", "test/faults/**", "test/realnode/**", "**/node_modules/**"],
    // Journeys and parity start real servers and child processes; two cores carry two of them at a time.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
