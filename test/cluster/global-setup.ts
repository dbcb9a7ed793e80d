import { readFileSync } from "node:fs";

import { KubeConfig, VersionApi } from "@kubernetes/client-node";
import type { TestProject } from "vitest/node";

import { startMinicluster } from "./minicluster.ts";
import type { RealCluster } from "./real-cluster.ts";

let stop = async (): Promise<void> => {};

/** One cluster for the run: the one TEST_KUBECONFIG names, else a minicluster. A plain KUBECONFIG is never looked at. */
export async function setup(project: TestProject): Promise<void> {
  const file = process.env["TEST_KUBECONFIG"] ?? "";
  project.provide("cluster", file === "" ? await ours() : await theirs(file));
}

export const teardown = (): Promise<void> => stop();

async function ours(): Promise<RealCluster> {
  const minicluster = await startMinicluster();
  stop = () => minicluster.stop();
  const { kubeconfig, dir, version } = minicluster;
  return { kubeconfig, dir, version };
}

async function theirs(file: string): Promise<RealCluster> {
  const kubeconfig = readFileSync(file, "utf8");
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
  return { kubeconfig, dir: null, version: gitVersion };
}
