import { expect, test } from "vitest";
import type { Verdict } from "../../src/core/checks.ts";
import type { GateConfig } from "../../src/core/config.ts";
import { type EnvironmentGateInput, judgeEnvironmentCommit } from "../../src/core/gate.ts";
import {
  checksOf,
  concluded,
  emptySuite,
  inputOf,
  now,
  OURS,
  required,
  run,
  running,
  seconds,
  type Situation,
  status,
  suite,
} from "./gate-fixture.ts";

interface Case {
  readonly mode?: GateConfig["production"];
  /** Checks of the commit on the branch, and what the branch requires. */
  readonly push?: Situation;
  /** Checks of the merged pull request's head, with the same files. */
  readonly head?: Situation;
  readonly treeEqual?: boolean;
}

function environmentInput({ mode = "auto", push = {}, head, treeEqual = true }: Case): EnvironmentGateInput {
  const { checks, ...rest } = inputOf({ ...push, gate: { ...push.gate, production: mode } });
  const merged = head === undefined ? null : { checks: checksOf(head), treeEqual, number: 12 };
  return { ...rest, environment: "staging", push: checks, merged };
}

const needsTest = { required: [required("test")] };
const green = { runs: [run("test")] };
const red = { runs: [concluded("test", "failure")] };
const fresh = { firstSeenAt: now - seconds(20) };
const notCovered =
  "waiting: 4f2c000 has other files than the head of #12, whose checks do not cover it — let the checks run on push, or have branches updated before they merge";
const neither =
  "waiting: 4f2c000 has neither checks nor a merged pull request that had them — let the checks run on push";

const rows: readonly (readonly [string, Case, Verdict["kind"], string])[] = [
  ["auto: takes the commit's own checks", { push: { ...needsTest, ...green } }, "pass", "`test` passed"],
  [
    "auto: own checks decide against a green head",
    { push: { ...needsTest, ...red }, head: green },
    "fail",
    "`test` failed",
  ],
  [
    "auto: own checks decide while they run",
    { push: { ...needsTest, runs: [running("test", { startedAt: now })] }, head: green },
    "wait",
    "waiting for `test` (running 0 s)",
  ],
  [
    "auto: waits a while for own checks",
    { push: { ...needsTest, ...fresh }, head: green },
    "wait",
    "waiting for checks to report on 4f2c000",
  ],
  [
    "auto: takes the head's when none came",
    { push: needsTest, head: green },
    "pass",
    "#12 has the same files: `test` passed",
  ],
  [
    "auto: a workflow on push that nobody requires does not keep the head's from counting",
    { push: { ...needsTest, runs: [run("docs")] }, head: green },
    "pass",
    "#12 has the same files: `test` passed",
  ],
  [
    "auto: a merge past a red check is stopped and explained",
    { push: needsTest, head: red },
    "fail",
    "#12 has the same files: `test` failed",
  ],
  [
    "auto: a head that was never tested is waited for",
    { push: needsTest, head: {} },
    "wait",
    "#12 has the same files: waiting for `test`: required by a ruleset, not reported yet — a workflow skipped by path filters never reports, and a renamed check needs its rule renamed",
  ],
  [
    "auto: other files than the head are not covered",
    { push: needsTest, head: green, treeEqual: false },
    "wait",
    notCovered,
  ],
  ["auto: a direct push without checks waits", { push: { required: [required("test")] } }, "wait", neither],
  ["auto: nothing required, any check of its own counts", { push: green, head: red }, "pass", "`test` passed"],
  [
    "auto: nothing required, a registered suite is a check to come",
    { push: { suites: [suite({ status: "queued" })] }, head: green },
    "wait",
    "waiting for a check suite that is not completed: more checks may come",
  ],
  [
    "auto: nothing required, Proa's own and empty suites are no checks",
    {
      push: {
        runs: [run("proa/staging report", { appId: OURS })],
        statuses: [status("proa/staging", "pending")],
        suites: [emptySuite(OURS), emptySuite(7)],
      },
      head: green,
    },
    "pass",
    "#12 has the same files: `test` passed",
  ],
  [
    "auto: nothing required, ignored checks are no checks",
    { push: { gate: { ignore: ["docs"] }, runs: [run("docs")] }, head: red },
    "fail",
    "#12 has the same files: `test` failed",
  ],
  [
    "auto: nothing required and no checks anywhere waits",
    { push: {} },
    "wait",
    "waiting: no check has reported on 4f2c000, and that is not the same as green — name one in `gate.require`, or set `gate.noChecks: allow`",
  ],
  [
    "auto: nothing required and `noChecks: allow` lets a direct push through",
    { push: { gate: { noChecks: "allow" } } },
    "pass",
    "no check reported, which `gate.noChecks` allows",
  ],
  [
    "auto: `noChecks: allow` is no way past a red head",
    { push: { gate: { noChecks: "allow" } }, head: red },
    "fail",
    "#12 has the same files: `test` failed",
  ],
  [
    "push-checks: the head's never count",
    { mode: "push-checks", push: needsTest, head: green },
    "wait",
    "waiting for `test`: required by a ruleset, not reported yet — a workflow skipped by path filters never reports, and a renamed check needs its rule renamed",
  ],
  [
    "push-checks: the commit's own do",
    { mode: "push-checks", push: { ...needsTest, ...green }, head: red },
    "pass",
    "`test` passed",
  ],
  [
    "head-checks: the commit's own never count",
    { mode: "head-checks-if-tree-equal", push: { ...needsTest, ...red }, head: green },
    "pass",
    "#12 has the same files: `test` passed",
  ],
  [
    "head-checks: not with other files",
    { mode: "head-checks-if-tree-equal", push: { ...needsTest, ...green }, head: green, treeEqual: false },
    "wait",
    notCovered,
  ],
  [
    "head-checks: a direct push has none",
    { mode: "head-checks-if-tree-equal", push: { ...needsTest, ...green } },
    "wait",
    neither,
  ],
  [
    "explicit: only a person moves it",
    { mode: "explicit", push: { ...needsTest, ...green }, head: green },
    "human",
    "waiting for `/deploy staging`: `gate.production` is `explicit`",
  ],
];

test.each(rows)("%s", (_, situation, kind, because) => {
  expect(judgeEnvironmentCommit(environmentInput(situation))).toMatchObject({ kind, because });
});

test("the wait for own checks says when it ends, and ends then", () => {
  const situation = { push: { ...needsTest, ...fresh }, head: green };
  const input = environmentInput(situation);
  expect(judgeEnvironmentCommit(input)).toMatchObject({ kind: "wait", lookAgainAt: now + seconds(40) });
  expect(judgeEnvironmentCommit({ ...input, now: now + seconds(40) })).toMatchObject({ kind: "pass" });
});
