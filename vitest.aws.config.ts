import { defineConfig } from "vitest/config";

/** What runs on MiniStack, an AWS of its own in one process: see docs/aws-stand-in.md. */
export default defineConfig({
  test: {
    include: ["test/aws/**/*.test.ts"],
    globalSetup: ["test/aws/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
