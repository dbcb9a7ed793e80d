import { defineConfig } from "vitest/config";

/** Tests on real pods: `test/realnode/main.ts` makes the node and runs this inside it. */
export default defineConfig({
  test: {
    include: ["test/realnode/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
