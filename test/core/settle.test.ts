import { describe, expect, test } from "vitest";
import type { Judgement } from "../../src/core/rollout.ts";
import { settle, type SettleInput } from "../../src/core/settle.ts";
import type { TargetState } from "../../src/core/state.ts";
import {
  failure,
  live,
  liveRecord,
  MINUTE,
  NOW,
  preview,
  record,
  release,
  rollout,
  sha,
  staging,
} from "./decision-fixture.ts";

const SAYS = "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff";

/** `a` was live, `b` rolls out as revision 2. */
const rolling: TargetState = liveRecord(staging, "a", 1, {
  phase: "rolling",
  because: "deploying bbbbbbb",
  rev: rollout("b", 2).rev,
  wanted: { sha: sha("b"), since: NOW },
  rollout: rollout("b", 2),
  shown: [rollout("a", 1).rev, rollout("b", 2).rev],
});
const healthy: Judgement = { kind: "healthy", because: "web: 1 of 1 pods available" };
const broken: Judgement = { kind: "failed", because: SAYS, fault: "application", timedOut: false };

const input: SettleInput = {
  state: rolling,
  release: release("b", 2),
  judgement: healthy,
  restarts: {},
  rollback: true,
  diagnosis: null,
  now: NOW,
};
const settled = (change: Partial<SettleInput>) => settle({ ...input, ...change });
const said = (change: Partial<SettleInput>) => {
  const { next, wakeInMs, follow } = settled(change);
  return { phase: next.phase, because: next.because, wakeInMs, follow: follow.kind };
};

/** `b` failed and `a` is put back as revision 3. */
const backing: Partial<SettleInput> = {
  state: {
    ...rolling,
    failed: failure("b", 2),
    rollout: rollout("a", 3, { kind: "rollback" }),
    rev: rollout("a", 3).rev,
  },
  release: release("a", 3, { kind: "rollback", actor: "proa" }),
  rollback: false,
};
/** Somebody asked to go back from `b` to `a`. */
const asked: Partial<SettleInput> = {
  ...backing,
  state: { ...rolling, live: live("b", 2), previous: live("a", 1), rollout: rollout("a", 3, { kind: "rollback" }) },
  release: release("a", 3, { kind: "rollback", actor: "ann" }),
};

describe("a deployment", () => {
  const rows: [Judgement["kind"], Judgement, ReturnType<typeof said>][] = [
    [
      "progressing",
      { kind: "progressing", because: "web: 0 of 1 new pods created" },
      { phase: "rolling", because: "web: 0 of 1 new pods created", wakeInMs: 2_000, follow: "wait" },
    ],
    [
      "empty",
      { kind: "empty", because: "web: 0 replicas" },
      { phase: "waiting", because: "web: 0 replicas", wakeInMs: MINUTE, follow: "wait" },
    ],
    [
      "blocked",
      { kind: "blocked", because: "web: paused" },
      { phase: "waiting", because: "web: paused", wakeInMs: MINUTE, follow: "wait" },
    ],
    ["healthy", healthy, { phase: "live", because: "bbbbbbb is live", wakeInMs: MINUTE, follow: "done" }],
    [
      "superseded",
      { kind: "superseded", because: "web: revision 5 is newer" },
      { phase: "rolling", because: "web: revision 5 is newer", wakeInMs: 0, follow: "done" },
    ],
    [
      "drift",
      { kind: "drift", because: "web: the image was changed" },
      { phase: "failed", because: "web: the image was changed.", wakeInMs: MINUTE, follow: "done" },
    ],
    [
      "failed",
      broken,
      { phase: "rolling", because: `${SAYS}. Rolling back to aaaaaaa.`, wakeInMs: 0, follow: "rollback" },
    ],
  ];
  test.each(rows)("that is %s", (_, judgement, expected) => {
    expect(said({ judgement })).toEqual(expected);
  });

  test("that is healthy becomes what serves, and what served before is where a rollback goes", () => {
    const { next } = settled({});
    expect(next).toMatchObject({
      rollout: null,
      live: { rev: 2, sha: sha("b"), healthyAt: NOW },
      previous: live("a", 1),
      failed: null,
      report: null,
    });
  });

  test("of the very same release keeps the way back it had", () => {
    const state = { ...rolling, live: live("b", 1), previous: live("a", 0) };
    expect(settled({ state }).next.previous).toEqual(live("a", 0));
  });

  test("that failed is recorded, held and taken back in one write", () => {
    const { next, holds, follow } = settled({ judgement: broken });
    expect(next).toMatchObject({
      rollout: null,
      live: live("a", 1),
      failed: { sha: sha("b"), rev: 2, because: `${SAYS}.`, serves: "aaaaaaa still serves." },
    });
    expect(holds).toMatchObject([{ sha: sha("b"), upTo: null, by: "proa" }]);
    expect(follow).toEqual({ kind: "rollback", to: 1 });
  });

  test("that failed keeps its diagnosis for the report", () => {
    const diagnosis = { headline: "web: out of memory", text: "raise `resources.memory`" };
    expect(settled({ judgement: broken, diagnosis }).next.report).toEqual({
      sha: sha("b"),
      title: "web: out of memory",
      text: "raise `resources.memory`",
    });
  });

  test.each([
    ["no rollback is wanted", { rollback: false }, `${SAYS}. aaaaaaa still serves.`],
    ["there is nothing to go back to", { state: { ...rolling, live: null } }, `${SAYS}.`],
  ])("that failed stays failed where %s", (_, change, because) => {
    expect(said({ judgement: broken, ...change })).toEqual({
      phase: "failed",
      because,
      wakeInMs: MINUTE,
      follow: "done",
    });
  });

  test("of a preview is held by nothing: its next push is looked at anew", () => {
    const state = { ...rolling, target: preview };
    expect(settled({ state, judgement: broken, rollback: false }).holds).toEqual([]);
  });

  test("is looked at on, where nothing was rolling any more", () => {
    const state = { ...rolling, rollout: null };
    expect(settled({ state })).toMatchObject({ next: state, follow: { kind: "wait" } });
  });
});

describe("a bake", () => {
  const bakeMs = 2 * MINUTE;
  const baking = {
    state: {
      ...rolling,
      phase: "baking" as const,
      rollout: rollout("b", 2, { step: "baking", bakeUntil: NOW + MINUTE }),
    },
    release: release("b", 2, { bakeMs }),
  };

  test("begins when the pods are healthy, with what they have restarted so far", () => {
    const { next, wakeInMs } = settled({ release: release("b", 2, { bakeMs }), restarts: { "default/web": 1 } });
    expect(next).toMatchObject({
      phase: "baking",
      because: "bbbbbbb is healthy; watching it for 2 min more",
      live: live("a", 1),
    });
    expect(next.rollout).toMatchObject({ step: "baking", bakeUntil: NOW + bakeMs, restarts: { "default/web": 1 } });
    expect(wakeInMs).toBe(10_000);
  });

  test.each([
    ["progressing", NOW, 10_000],
    ["progressing", NOW + MINUTE - 3_000, 3_000],
    ["healthy", NOW, 10_000],
  ] as const)("goes on (%s at %d), and the last look is at its end", (kind, now, wakeInMs) => {
    const judgement: Judgement = { kind, because: "watching" };
    expect(settled({ ...baking, judgement, now })).toMatchObject({
      next: { phase: "baking" },
      wakeInMs,
      follow: { kind: "wait" },
    });
  });

  test("ends live", () => {
    expect(said({ ...baking, now: NOW + MINUTE })).toMatchObject({ phase: "live", follow: "done" });
  });

  test("that fails is rolled back like any failure", () => {
    expect(said({ ...baking, judgement: broken })).toMatchObject({ follow: "rollback" });
  });
});

describe("a rollback", () => {
  test("after a failure leaves the failure said, and what serves", () => {
    const { next, holds } = settled(backing);
    expect(next).toMatchObject({
      phase: "failed",
      rollout: null,
      live: { rev: 3, sha: sha("a"), because: "rolled back to aaaaaaa by Proa" },
      previous: null,
    });
    expect(next.because).toBe(
      "web: 0 of 1 pods ready after 5 s: CrashLoopBackOff. Rolled back to aaaaaaa, which serves.",
    );
    expect(next.failed).toMatchObject({ sha: sha("b"), serves: "Rolled back to aaaaaaa, which serves." });
    expect(holds).toEqual([]);
  });

  test("that somebody asked for is live, and says who asked", () => {
    expect(settled(asked).next).toMatchObject({
      phase: "live",
      because: "rolled back to aaaaaaa by @ann",
      failed: null,
      live: { rev: 3, sha: sha("a") },
    });
  });

  test("that fails is not rolled back, and asks for a person", () => {
    const { next, follow } = settled({ ...backing, judgement: broken });
    expect(follow).toEqual({ kind: "done", outcome: "failed" });
    expect(next.because).toBe(`The rollback to aaaaaaa failed as well: ${SAYS}. A person has to look now.`);
    expect(next.failed).toMatchObject({ sha: sha("b"), rev: 3 });
  });

  test.each([
    ["progressing", "wait"],
    ["superseded", "done"],
    ["drift", "done"],
  ] as const)("that is %s is followed like a deployment", (kind, follow) => {
    expect(said({ ...backing, judgement: { kind, because: "web: x" } }).follow).toBe(follow);
  });
});

describe("an older commit's rollout, while a newer one is wanted", () => {
  const state: TargetState = {
    ...rolling,
    phase: "waiting",
    because: "waiting for `test`",
    wanted: { sha: sha("c"), since: NOW },
  };

  test.each<[string, Judgement]>([
    ["progressing", { kind: "progressing", because: "web: 0 of 1" }],
    ["healthy", healthy],
  ])("%s: the newer one's reason stays what is said", (_, judgement) => {
    expect(said({ state, judgement })).toMatchObject({ phase: "waiting", because: "waiting for `test`" });
  });

  test("ends, and the newer one is looked at right away", () => {
    expect(settled({ state })).toMatchObject({ next: { live: { sha: sha("b") }, rollout: null }, wakeInMs: 0 });
    expect(settled({ state, judgement: broken, rollback: false })).toMatchObject({
      next: { failed: { sha: sha("b") } },
      wakeInMs: 0,
    });
  });
});

test("nothing is touched of a record that no rollout belongs to", () => {
  const idle = record(staging);
  expect(settled({ state: idle }).next).toBe(idle);
});
