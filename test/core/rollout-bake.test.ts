import { describe, expect, test } from "vitest";
import type { Workloads } from "../../src/core/cluster.ts";
import { ANNOTATION } from "../../src/core/names.ts";
import { judgeBake, restartsOf } from "../../src/core/rollout-bake.ts";
import type { Judgement } from "../../src/core/rollout.ts";
import {
  broken,
  condition,
  container,
  crashing,
  ended,
  expected,
  healthy,
  NOW,
  pod,
  running,
  withContainer,
  withDeployment,
  withStatus,
} from "../fixtures/cluster/web.ts";

const baseline = { restarts: 1, from: NOW, until: NOW + 120_000 };
const MIDWAY = NOW + 60_000;
const restarted = (restarts: number): Workloads => ({
  ...healthy,
  pods: [pod("web-a", { containers: [{ ...container, restarts, last: ended(1) }] }), pod("web-b")],
});
const unready = pod("web-a", { containers: [broken(running)], conditions: [condition("Ready", "False")] });
const flapping: Workloads = { ...withStatus({ available: 1 }), pods: [unready, pod("web-b")] };

const cases: { when: string; live: Workloads; now?: number; is: Judgement["kind"]; because: RegExp }[] = [
  { when: "time is left", live: healthy, is: "progressing", because: /watching for 60 s more: 2 of 2 pods available/ },
  { when: "it ended well", live: healthy, now: baseline.until, is: "healthy", because: /stayed healthy: 2 of 2/ },
  { when: "restarts are those from before", live: restarted(1), is: "progressing", because: /watching/ },
  { when: "a pod restarted", live: restarted(2), is: "failed", because: /restarted once after/ },
  { when: "a pod restarted again and again", live: restarted(4), is: "failed", because: /restarted 3 times/ },
  { when: "readiness flaps midway", live: flapping, is: "progressing", because: /1 of 2 pods available/ },
  {
    when: "a pod is not ready at the end",
    live: flapping,
    now: baseline.until,
    is: "failed",
    because: /no longer healthy.*1 of 2/,
  },
  {
    when: "a pod that came during the bake is still starting at the end",
    live: { ...flapping, pods: [{ ...unready, createdAt: MIDWAY }, pod("web-b")] },
    now: baseline.until,
    is: "healthy",
    because: /stayed healthy/,
  },
  {
    when: "nothing is available at the end",
    live: { ...withStatus({ available: 0 }), pods: [] },
    now: baseline.until,
    is: "failed",
    because: /0 of 2/,
  },
  { when: "every pod crashes", live: withContainer(crashing(1, 2)), is: "failed", because: /crashing repeatedly/ },
  { when: "somebody pauses it", live: withDeployment({ paused: true }), is: "blocked", because: /paused/ },
  {
    when: "a later revision was written",
    live: withDeployment({ annotations: { [ANNOTATION.revision]: "8" } }),
    is: "superseded",
    because: /8/,
  },
  {
    when: "it is scaled to zero",
    live: withStatus({ replicas: 0, updated: 0, available: 0 }, { replicas: 0 }),
    is: "empty",
    because: /nothing runs/,
  },
];

describe("a bake is judged", () => {
  test.each(cases)("$is when $when", ({ live, now = MIDWAY, is, because }) => {
    expect(judgeBake(expected, live, baseline, now)).toMatchObject({
      kind: is,
      because: expect.stringMatching(because),
    });
  });

  test("counts restarts of the new pods only, init containers too", () => {
    const old = pod("web-old", { ownerUid: "uid-rs-4", containers: [{ ...container, restarts: 9 }] });
    const fresh = pod("web-a", {
      initContainers: [{ ...container, restarts: 2 }],
      containers: [{ ...container, restarts: 1 }],
    });
    expect(restartsOf(expected, { ...healthy, pods: [old, fresh] })).toBe(3);
    expect(restartsOf(expected, { ...healthy, deployments: [] })).toBe(0);
  });
});
