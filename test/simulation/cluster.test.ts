import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../src/core/manifests.ts";
import { ANNOTATION, asRevision, LABEL, MANAGED_BY, type TargetId } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { judgeRollout, type RolloutExpectation } from "../../src/core/rollout.ts";
import { restartsOf, judgeBake } from "../../src/core/rollout-bake.ts";
import { type Behaviour, createClusterModel } from "./cluster.ts";
import { createKernel } from "./kernel.ts";

const MINUTE = 60_000;
const TARGET = "preview/12/7" as TargetId;
const WEB = ["shop-7", "web"] as const;
const imageOf = (behaviour: Behaviour): string => `registry.example/acme/shop@${behaviour}`;

const annotations = (revision: number) => ({ [ANNOTATION.target]: TARGET, [ANNOTATION.revision]: `${revision}` });

const deployment = (behaviour: Behaviour, { revision = 1, replicas = 2 } = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: {
    name: "web",
    namespace: "shop-7",
    labels: { [LABEL.managedBy]: MANAGED_BY },
    annotations: annotations(revision),
  },
  spec: {
    replicas,
    progressDeadlineSeconds: 300,
    revisionHistoryLimit: 3,
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: { spec: { containers: [{ name: "web", image: imageOf(behaviour) }] } },
  },
});

/** A cluster with one namespace, and what a test does with it at one moment after another. */
function world(seed: number) {
  const kernel = createKernel({ seed, note: () => undefined });
  const model = createClusterModel(kernel.sim("cluster"), { behaviourOf: (digest) => digest as Behaviour });
  const { kubernetes: api } = model;
  api.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop-7" } });
  const pass = (ms: number): Promise<void> => kernel.runUntil(kernel.now() + ms);
  const live = () => {
    const found = api.deployment(...WEB);
    if (found === null) throw new Error("web is there");
    return found;
  };
  const patch = (behaviour: Behaviour, revision: number) => {
    const { uid, containers } = live();
    return api.patchImage({
      namespace: "shop-7",
      deployment: "web",
      container: "web",
      containerIndex: 0,
      from: containers[0]?.image ?? "",
      image: imageOf(behaviour),
      uid,
      target: TARGET,
      revision: asRevision(revision - 1),
      annotations: annotations(revision),
    });
  };
  const expected = (behaviour: Behaviour, revision = 1): RolloutExpectation => ({
    service: "web",
    deployment: "web",
    uid: live().uid,
    revision: asRevision(revision),
    generation: live().generation,
    image: imageOf(behaviour),
    startedAt: kernel.now(),
    deadlineAt: kernel.now() + 10 * MINUTE,
    unchanged: false,
  });
  /** The judgement a watcher comes to, looking each second until it is final; at most for that long. */
  const watched = async (rollout: RolloutExpectation, forMs: number): Promise<string> => {
    for (let passed = 0; passed < forMs; passed += 1_000) {
      await pass(1_000);
      const { kind } = judgeRollout(rollout, api.workloads("shop-7"), kernel.now());
      if (kind === "healthy" || kind === "failed") return kind;
    }
    return "undecided";
  };
  return { kernel, model, api, pass, live, patch, expected, watched };
}

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

describe("a rollout of an image that", () => {
  const ends: [Behaviour, string][] = [
    ["good", "healthy"],
    ["slow", "healthy"],
    ["stumbles", "healthy"],
    ["crashes", "failed"],
    ["never ready", "failed"],
    ["not pullable", "failed"],
    ["unschedulable", "failed"],
  ];
  test.each(ends)("is %s ends as %s", async (behaviour, end) => {
    for (const seed of SEEDS) {
      const { api, expected, watched } = world(seed);
      api.create(deployment(behaviour));
      expect(await watched(expected(behaviour), 8 * MINUTE)).toBe(end);
    }
  });

  test("crashes later is healthy first and does not pass its bake", async () => {
    for (const seed of SEEDS) {
      const { kernel, api, expected, pass, watched } = world(seed);
      api.create(deployment("crashes later", { replicas: 1 }));
      const rollout = expected("crashes later");
      expect(await watched(rollout, MINUTE)).toBe("healthy");
      const from = kernel.now();
      const baseline = { restarts: restartsOf(rollout, api.workloads("shop-7")), from, until: from + MINUTE };
      await pass(MINUTE);
      expect(judgeBake(rollout, api.workloads("shop-7"), baseline, kernel.now()).kind).toBe("failed");
    }
  });
});

test("the old pods serve until the new ones are ready, and go on serving where those never are", async () => {
  for (const seed of SEEDS) {
    const { api, model, patch, pass, expected, watched } = world(seed);
    const served: boolean[] = [];
    const look = () => served.push((model.truth.namespace("shop-7")?.deployments[0]?.serving.length ?? 0) > 0);
    api.create(deployment("good"));
    await pass(2 * MINUTE);
    expect(patch("slow", 2)).toMatchObject({ kind: "applied", changed: true });
    for (let i = 0; i < 120; i++) {
      await pass(2_500);
      look();
    }
    expect(served).not.toContain(false);
    expect(api.workloads("shop-7").pods.map(({ containers }) => containers[0]?.image)).toEqual([
      imageOf("slow"),
      imageOf("slow"),
    ]);
    patch("crashes", 3);
    expect(await watched(expected("crashes", 3), 8 * MINUTE)).toBe("failed");
    expect(model.truth.namespace("shop-7")?.deployments[0]?.serving).toEqual([imageOf("slow")]);
    // Back to what a ReplicaSet still runs: it is found by its template and numbered anew.
    patch("slow", 4);
    expect(await watched(expected("slow", 4), 2 * MINUTE)).toBe("healthy");
  }
});

test("a write is observed later, and the status speaks of the revision before until then", async () => {
  const { api, pass, live, patch } = world(1);
  api.create(deployment("good"));
  expect(live()).toMatchObject({ generation: 1, status: { observedGeneration: 0 } });
  await pass(MINUTE);
  patch("slow", 2);
  expect(live()).toMatchObject({ generation: 2, status: { observedGeneration: 1, updated: 2, available: 2 } });
  await pass(5_000);
  expect(live().status).toMatchObject({ observedGeneration: 2, updated: 1 });
});

test("undo by hand puts the annotations of the revision before back", async () => {
  const { api, model, pass, live, patch } = world(2);
  api.create(deployment("good"));
  await pass(MINUTE);
  patch("slow", 2);
  await pass(4 * MINUTE);
  expect(model.people.undo(...WEB)).toBe(true);
  expect(live()).toMatchObject({
    annotations: { [ANNOTATION.revision]: "1" },
    containers: [{ image: imageOf("good") }],
    foreignManagers: ["kubectl"],
  });
});

test("a quota that is too small shows as pods that are refused, and more room heals it", async () => {
  const { kernel, api, model, pass, watched, expected } = world(3);
  model.people.setPodQuota("shop-7", 0);
  api.create(deployment("good"));
  const rollout = expected("good");
  expect(await watched(rollout, MINUTE)).toBe("failed");
  await pass(20_000);
  model.people.setPodQuota("shop-7", 4);
  await pass(MINUTE);
  expect(judgeRollout(rollout, api.workloads("shop-7"), kernel.now()).kind).toBe("healthy");
  expect(api.workloads("shop-7").replicaSets[0]?.conditions).toEqual([]);
});

describe("a namespace", () => {
  test("that is being deleted takes nothing new, empties itself and is gone", async () => {
    const { api, pass } = world(4);
    api.create(deployment("good"));
    await pass(MINUTE);
    const uid = api.namespace("shop-7")?.uid ?? "";
    expect(api.deleteNamespace("shop-7", "another")).toBe("gone");
    expect(api.deleteNamespace("shop-7", uid)).toBe("deleting");
    expect(() => api.create({ ...deployment("good"), metadata: { name: "api", namespace: "shop-7" } })).toThrow(
      OutsideError,
    );
    expect(api.namespace("shop-7")).toMatchObject({ phase: "Terminating", uid });
    await pass(2 * MINUTE);
    expect(api.namespace("shop-7")).toBeNull();
    expect(api.deleteNamespace("shop-7", uid)).toBe("gone");
  });

  test("with somebody's finalizer stays Terminating until that is taken away", async () => {
    const { api, model, pass } = world(5);
    model.people.addFinalizer("shop-7");
    api.deleteNamespace("shop-7", api.namespace("shop-7")?.uid ?? "");
    await pass(60 * MINUTE);
    expect(api.namespace("shop-7")).toMatchObject({ phase: "Terminating" });
    model.people.removeFinalizer("shop-7");
    await pass(MINUTE);
    expect(api.namespace("shop-7")).toBeNull();
  });
});

test("every write that changed something is in the log, with who wrote it", async () => {
  const { api, model, pass, patch } = world(6);
  api.create(deployment("good"));
  api.create(deployment("good"));
  await pass(MINUTE);
  patch("slow", 2);
  expect(patch("crashes", 9)).toMatchObject({ kind: "stale" });
  model.people.setImage(...WEB, imageOf("crashes"));
  expect(
    model.log.flatMap((write) =>
      write.kind === "deployment" ? [[write.by, write.verb, write.revision, write.digest]] : [],
    ),
  ).toEqual([
    ["proa", "create", 1, "good"],
    ["proa", "patch", 2, "slow"],
    ["hand", "patch", 2, "crashes"],
  ]);
});
