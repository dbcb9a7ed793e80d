import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { beforeEach, describe, expect, test } from "vitest";
import { worldsOn } from "../journeys/harness.ts";
import { install, type Right, rights, rightText } from "./privilege-install.ts";
import {
  environmentJourney,
  patchJourney,
  previewJourney,
  removalJourney,
  type Stopped,
} from "./privilege-journeys.ts";
import { cannotSteerPods, realCluster } from "./real-cluster.ts";

const cluster = await realCluster();
const cannot = cannotSteerPods(cluster);
const owner = new KubeConfig();
owner.loadFromString(cluster.kubeconfig);
beforeEach(({ skip }) => skip(cannot !== null, cannot ?? ""));

type Journey = typeof previewJourney;

/** As a ServiceAccount that has `templates/cluster/` and nothing else, or that without one right. */
async function play(journey: Journey, without: Right | null = null): Promise<Stopped> {
  const dir = mkdtempSync(join(tmpdir(), "proa-privilege-"));
  const installation = await install(owner, without);
  try {
    return await journey({ owner, installation, dir });
  } finally {
    await installation.remove();
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("with the rights of templates/cluster/ and no others", () => {
  const journeys: readonly [string, Journey][] = [
    ["a preview is made, updated, and explained when it crashes", previewJourney],
    ["a preview is taken down", removalJourney],
    ["an environment is deployed, and rolled back when it crashes", environmentJourney],
    ["Deployments that exist already are patched", patchJourney],
  ];
  test.concurrent.for(journeys)("%s", async ([, journey]) => {
    expect(await play(journey)).toBeNull();
  });
});

const journeyOf: Readonly<Record<string, Journey>> = {
  "proa-deployer": removalJourney,
  "proa-preview": previewJourney,
  "proa-preview-source": previewJourney,
  "proa-environment": environmentJourney,
  "proa-environment-patch": patchJourney,
};

const isSweeps = ({ verb, resource }: Right): boolean => verb === "list" && resource === "namespaces";

describe("without one of them, whichever it is, somebody reads which one is missing", () => {
  const rows = rights()
    .filter((right) => !isSweeps(right))
    .map((right) => [rightText(right), right] as const);
  test.concurrent.for(rows)("%s", async ([, right]) => {
    const journey = journeyOf[right.role];
    if (journey === undefined)
      throw new Error(`no journey needs the role ${right.role}: leave it out, or add one here`);
    const { verb, group, resource } = right;
    const one = verb === "get" || verb === "delete";
    const called = resource === "namespaces" && one ? "the namespace" : `${resource}${group ? `.${group}` : ""}`;
    expect(await play(journey, right)).toContain(`Proa has no right to ${verb} ${called}`);
  });

  test("proa-deployer: list namespaces", async (t) => {
    const without = rights().find(isSweeps);
    if (without === undefined) throw new Error("the sweep lists namespaces");
    const installation = await install(owner, without);
    t.onTestFinished(() => installation.remove());
    const shop = await worldsOn({ ...cluster, deployer: installation.kubeconfig })(t);
    // A world begins with a sweep.
    const swept = await shop.until(() => shop.log.find((line) => line.includes('"github sweep"')), "GitHub is swept");
    expect(swept).toContain("Proa has no right to list namespaces");
  });
});
