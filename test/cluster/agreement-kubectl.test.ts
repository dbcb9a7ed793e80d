import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe } from "vitest";

import { deployment, service } from "../parity/cluster-world.ts";
import { kubectl, newKubectl } from "../parity/kubectl.ts";
import { needsPlayedPods } from "./real-cluster.ts";
import { bothSides, type Side } from "./sides.ts";

needsPlayedPods();
const { agree } = bothSides();
const binary = await kubectl();
const homes: string[] = [];
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true, force: true })));

type Step = string | readonly [line: string, input: object];

/** What a person sees of these commands, one after the other: exit code and both outputs, of a wait only how it ended. */
async function terminal(side: Side, steps: readonly Step[]): Promise<unknown[]> {
  const home = mkdtempSync(join(tmpdir(), "proa-kubectl-"));
  homes.push(home);
  const run = newKubectl(binary, home, side.cluster.kubeconfig);
  const seen: unknown[] = [];
  for (const step of steps) {
    const [line, input] = typeof step === "string" ? [step, undefined] : step;
    const { code, out, err } = await run(
      ["-n", side.namespace, ...line.split(" ")],
      input === undefined ? "" : JSON.stringify(input),
    );
    seen.push([line, code, line.startsWith("rollout status") ? out.trim().split("\n").at(-1) : out, err]);
  }
  return seen;
}

const says = (what: string, steps: (side: Side) => readonly Step[]): void =>
  agree(what, (side) => terminal(side, steps(side)));

const web = ({ cluster }: Side, more: Parameters<typeof deployment>[1] = {}) =>
  deployment(cluster.images.good, { replicas: 0, ...more });

describe.runIf(process.platform === "linux" && process.arch === "x64")("kubectl says the same", () => {
  says("creating, applying and deleting", (side) => [
    ["create -f -", web(side)],
    ["create -f -", web(side)],
    ["apply -f -", service],
    ["apply -f -", service],
    "get deployments -o name",
    "get all -o name",
    "delete service web",
    "delete service web",
    "delete service web --ignore-not-found",
    "get deployment none",
    "get frobs",
  ]);
  says("server-side apply, its conflicts and force", (side) => [
    ["apply --server-side --field-manager=one -f -", web(side)],
    ["apply --server-side --field-manager=two -f -", web(side, { replicas: 1 })],
    ["apply --server-side --field-manager=two --force-conflicts -f -", web(side, { replicas: 1 })],
    ["apply --server-side --field-manager=one -f -", web(side)],
  ]);
  says("taking up server-side apply after plain apply", (side) => [
    ["apply -f -", web(side)],
    ["apply --server-side -f -", web(side, { spec: { minReadySeconds: 1 } })],
    ["apply --server-side -f -", web(side)],
    "get deployment web -o jsonpath={.spec.minReadySeconds}",
  ]);
  says("a conflict with what was set by hand", (side) => [
    ["apply -f -", web(side)],
    `set image deployment/web web=${side.cluster.images.alsoGood}`,
    "scale deployment/web --replicas=0",
    ["apply --server-side -f -", web(side)],
  ]);
  says("no conflict where the object is as plain apply left it, and where it was scaled to nothing", (side) => [
    ["apply -f -", web(side, { replicas: 1 })],
    "rollout status deployment/web --timeout=100s",
    `set image deployment/web web=${side.cluster.images.alsoGood}`,
    "rollout status deployment/web --timeout=100s",
    "rollout undo deployment/web",
    "rollout status deployment/web --timeout=100s",
    "scale deployment/web --replicas=0",
    ["apply --server-side -f -", deployment(side.cluster.images.alsoGood)],
  ]);
  says("images, scale, history", (side) => [
    ["apply -f -", web(side)],
    `set image deployment/web web=${side.cluster.images.alsoGood}`,
    `set image deployment/web web=${side.cluster.images.alsoGood}`,
    `set image deployment/web other=${side.cluster.images.alsoGood}`,
    "scale deployment/web --replicas=0",
    "scale deployment/web --current-replicas=3 --replicas=0",
    "rollout pause deployment/web",
    "rollout pause deployment/web",
    "rollout resume deployment/web",
    "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}",
  ]);
  says("labels, annotations and patches", (side) => [
    ["apply -f -", web(side)],
    "label deployment/web tier=front",
    "label deployment/web tier=back",
    "label deployment/web tier-",
    "annotate deployment/web note=kept",
    "get deployments -l tier=front -o name",
    `patch deployment web --type=json -p=[{"op":"test","path":"/spec/replicas","value":7}]`,
    `patch deployment web --type=merge -p={"spec":{"replicas":-1}}`,
    `patch deployment web -p={"spec":{"minReadySeconds":1}}`,
    `patch deployment web -p={"spec":{"minReadySeconds":1}}`,
  ]);
  says("what is wrong with a manifest", (side) => [
    ["apply -f -", web(side, { container: { imgae: "x" } })],
    ["apply -f -", web(side, { replicas: -1 })],
    ["apply -f -", { ...web(side), metadata: { name: "Not_A_Name" } }],
    ["apply --server-side -f -", { ...web(side), sepc: {} }],
  ]);
  says("dry runs and differences", (side) => [
    ["apply --dry-run=server -f -", web(side)],
    ["apply --dry-run=client -f -", web(side)],
    "get deployments -o name",
    ["apply -f -", web(side)],
    ["diff -f -", web(side)],
    ["apply --dry-run=server -f -", web(side, { replicas: -1 })],
  ]);
});
