import type { TestProject } from "vitest/node";

import { startMinistack, type AwsEnvironment } from "./ministack.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The environment of the run's one MiniStack: `inject("aws")`. */
    aws: AwsEnvironment;
  }
}

let stop = async (): Promise<void> => {};

/** One MiniStack for the run. Everything in it is shared: each test file uses names of its own. */
export async function setup(project: TestProject): Promise<void> {
  const ministack = await startMinistack();
  stop = () => ministack.close();
  project.provide("aws", ministack.env);
}

export const teardown = (): Promise<void> => stop();
