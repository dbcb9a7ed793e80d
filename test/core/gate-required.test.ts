import { describe, expect, test } from "vitest";
import { judgeChecks, ownRequired } from "../../src/core/gate.ts";
import {
  CIRCLE,
  concluded,
  emptySuite,
  inputOf,
  judges,
  minutes,
  now,
  OURS,
  required,
  run,
  running,
  seconds,
  status,
  suite,
} from "./gate-fixture.ts";

const needsTest = { required: [required("test")] };
const pathFilters = "a workflow skipped by path filters never reports, and a renamed check needs its rule renamed";

describe("a required check", () => {
  judges([
    ["passes on success", { ...needsTest, runs: [run("test")] }, "pass", "`test` passed"],
    ["passes on neutral", { ...needsTest, runs: [concluded("test", "neutral")] }, "pass", "`test` passed"],
    [
      "passes on skipped, which is said",
      { ...needsTest, runs: [concluded("test", "skipped")] },
      "pass",
      "`test` skipped, which counts as passed",
    ],
    ["fails on failure", { ...needsTest, runs: [concluded("test", "failure")] }, "fail", "`test` failed"],
    ["fails on timed_out", { ...needsTest, runs: [concluded("test", "timed_out")] }, "fail", "`test` timed out"],
    ["fails on cancelled", { ...needsTest, runs: [concluded("test", "cancelled")] }, "fail", "`test` was cancelled"],
    [
      "fails on startup_failure",
      { ...needsTest, runs: [concluded("test", "startup_failure")] },
      "fail",
      "`test` could not start",
    ],
    ["fails on stale", { ...needsTest, runs: [concluded("test", "stale")] }, "fail", /^`test` went stale/],
    [
      "waits on a conclusion nobody knows yet",
      { ...needsTest, runs: [concluded("test", "splendid")] },
      "wait",
      /^waiting for `test`/,
    ],
    [
      "waits while completed without a conclusion",
      { ...needsTest, runs: [run("test", { conclusion: null })] },
      "wait",
      /^waiting for `test`/,
    ],
    [
      "says for how long it has been running",
      { ...needsTest, runs: [running("test", { startedAt: now - minutes(2) })] },
      "wait",
      "waiting for `test` (running 2 min)",
    ],
    [
      "counts seconds at first",
      { ...needsTest, runs: [running("test", { startedAt: now - seconds(42) })] },
      "wait",
      "waiting for `test` (running 42 s)",
    ],
    [
      "counts hours at last",
      { ...needsTest, runs: [running("test", { startedAt: now - minutes(181) })] },
      "wait",
      "waiting for `test` (running 3 h)",
    ],
    [
      "never runs for a negative time",
      { ...needsTest, runs: [running("test", { startedAt: now + 5000 })] },
      "wait",
      "waiting for `test` (running 0 s)",
    ],
    [
      "waits while queued",
      { ...needsTest, runs: [running("test", { status: "queued" })] },
      "wait",
      "waiting for `test` (not started)",
    ],
    [
      "waits while requested",
      { ...needsTest, runs: [running("test", { status: "requested" })] },
      "wait",
      "waiting for `test` (not started)",
    ],
    [
      "waits while pending",
      { ...needsTest, runs: [running("test", { status: "pending" })] },
      "wait",
      "waiting for `test` (not started)",
    ],
    [
      "needs a person on action_required",
      { ...needsTest, runs: [concluded("test", "action_required")] },
      "human",
      "`test` needs an action by a person",
    ],
    [
      "needs a person while waiting for an approval",
      { ...needsTest, runs: [running("test", { status: "waiting" })] },
      "human",
      "`test` needs an approval by a person",
    ],
    ["that is a status passes on success", { ...needsTest, statuses: [status("test")] }, "pass", "`test` passed"],
    [
      "that is a status fails on failure",
      { ...needsTest, statuses: [status("test", "failure")] },
      "fail",
      "`test` failed",
    ],
    ["that is a status fails on error", { ...needsTest, statuses: [status("test", "error")] }, "fail", "`test` failed"],
    [
      "that is a status waits on pending",
      { ...needsTest, statuses: [status("test", "pending")] },
      "wait",
      "waiting for `test` (not started)",
    ],
    [
      "that is absent waits and says what may be wrong",
      needsTest,
      "wait",
      `waiting for \`test\`: required by a ruleset, not reported yet — ${pathFilters}`,
    ],
    [
      "that is absent is not helped by another's success",
      { ...needsTest, runs: [run("lint")] },
      "wait",
      /^waiting for `test`: required/,
    ],
    [
      "matches by its whole name and case",
      { ...needsTest, runs: [run("Test"), run("test (20)")] },
      "wait",
      /^waiting for `test`: required/,
    ],
  ]);
});

describe("checks of the same name", () => {
  judges([
    [
      "all have to pass: one suite failed",
      { ...needsTest, runs: [run("test"), concluded("test", "failure", { id: 2 })] },
      "fail",
      "`test` failed",
    ],
    [
      "all have to pass: one still runs",
      { ...needsTest, runs: [run("test"), running("test", { id: 2, startedAt: now - seconds(5) })] },
      "wait",
      "waiting for `test` (running 5 s)",
    ],
    [
      "all have to pass: two apps",
      { ...needsTest, runs: [run("test"), concluded("test", "failure", { appId: CIRCLE })] },
      "fail",
      "`test` failed",
    ],
    ["all passed", { ...needsTest, runs: [run("test"), run("test", { appId: CIRCLE })] }, "pass", "`test` passed"],
    [
      "check green, status red: fails",
      { ...needsTest, runs: [run("test")], statuses: [status("test", "failure")] },
      "fail",
      "`test` failed",
    ],
    [
      "check red, status green: fails",
      { ...needsTest, runs: [concluded("test", "failure")], statuses: [status("test")] },
      "fail",
      "`test` failed",
    ],
    [
      "check green, status pending: waits",
      { ...needsTest, runs: [run("test")], statuses: [status("test", "pending")] },
      "wait",
      "waiting for `test` (not started)",
    ],
    [
      "check and status green: passes",
      { ...needsTest, runs: [run("test")], statuses: [status("test")] },
      "pass",
      "`test` passed",
    ],
  ]);
});

describe("a requirement pinned to an app", () => {
  const pinned = { required: [required("test", { appId: CIRCLE })] };
  const wrongApp = /what reported under that name is not from app 18001/;
  judges([
    ["takes that app's check", { ...pinned, runs: [run("test", { appId: CIRCLE })] }, "pass", "`test` passed"],
    ["does not take another app's", { ...pinned, runs: [run("test")] }, "wait", wrongApp],
    ["does not take a status, which names no app", { ...pinned, statuses: [status("test")] }, "wait", wrongApp],
    [
      "is not failed by another app's",
      { ...pinned, runs: [run("test", { appId: CIRCLE }), concluded("test", "failure")] },
      "pass",
      "`test` passed",
    ],
    [
      "and one for any app are both asked",
      { required: [required("test"), required("test", { appId: CIRCLE })], runs: [run("test")] },
      "wait",
      /^waiting for `test`: required by a ruleset/,
    ],
  ]);
});

describe("several requirements", () => {
  const two = { required: [required("lint"), required("test")] };
  const five = { required: ["a", "b", "c", "d", "e"].map((name) => required(name)) };
  judges([
    ["pass together", { ...two, runs: [run("test"), run("lint")] }, "pass", "`lint` and `test` passed"],
    [
      "a failure says so before the rest is done",
      { ...two, runs: [concluded("test", "failure"), running("lint")] },
      "fail",
      "`test` failed",
    ],
    [
      "a failure comes before what only a person can move",
      { ...two, runs: [concluded("test", "failure"), concluded("lint", "action_required")] },
      "fail",
      "`test` failed",
    ],
    [
      "a person comes before what still runs",
      { ...two, runs: [running("test"), concluded("lint", "action_required")] },
      "human",
      "`lint` needs an action by a person",
    ],
    [
      "a person comes before what is absent",
      { ...two, runs: [concluded("lint", "action_required")] },
      "human",
      "`lint` needs an action by a person",
    ],
    [
      "running and absent are told apart",
      { ...two, runs: [running("test", { startedAt: now - seconds(9) })] },
      "wait",
      "waiting for `test` (running 9 s); not reported yet: `lint`",
    ],
    [
      "passed and skipped are told apart",
      { ...two, runs: [run("test"), concluded("lint", "skipped")] },
      "pass",
      "`test` passed; `lint` skipped, which counts as passed",
    ],
    [
      "at most three are named: failed",
      { ...five, runs: ["a", "b", "c", "d", "e"].map((name) => concluded(name, "failure")) },
      "fail",
      "`a` failed, `b` failed, `c` failed and 2 more",
    ],
    [
      "at most three are named: passed",
      { ...five, runs: ["e", "d", "c", "b", "a"].map((name) => run(name)) },
      "pass",
      "`a`, `b`, `c` and 2 more passed",
    ],
    ["at most three are named: absent", five, "wait", /^waiting for `a`, `b`, `c` and 2 more: required by a ruleset/],
    [
      "the sources of what is absent are named",
      { required: [required("a", { source: "protection" })], gate: { require: ["b"] } },
      "wait",
      /^waiting for `a` and `b`: required by \.proa\.yml and branch protection/,
    ],
    [
      "a failure of what is not required does not block",
      { ...needsTest, runs: [run("test"), concluded("coverage", "failure")] },
      "pass",
      "`test` passed",
    ],
    [
      "what runs without being required does not block",
      { ...needsTest, runs: [run("test"), running("e2e")], suites: [suite({ status: "in_progress" })] },
      "pass",
      "`test` passed",
    ],
    [
      "no quiet period is kept: what is required is there",
      { ...needsTest, runs: [run("test", { completedAt: now })], firstSeenAt: now },
      "pass",
      "`test` passed",
    ],
    [
      "`gate.require` is required too",
      { gate: { require: ["test"] }, runs: [run("lint")] },
      "wait",
      `waiting for \`test\`: required by .proa.yml, not reported yet — ${pathFilters}`,
    ],
    [
      "the same in ruleset and `gate.require` is said once",
      { ...needsTest, gate: { require: ["test"] }, runs: [run("test")] },
      "pass",
      "`test` passed",
    ],
    [
      "`gate.ignore` does not take a requirement away",
      { ...needsTest, gate: { ignore: ["t*"] }, runs: [concluded("test", "failure")] },
      "fail",
      "`test` failed",
    ],
    [
      "a name cannot leave its code span",
      { required: [required("x`\n@everyone")], runs: [concluded("x`\n@everyone", "failure")] },
      "fail",
      "`x''@everyone` failed",
    ],
    [
      "a name is cut",
      { required: [required("x".repeat(300))], runs: [run("x".repeat(300))] },
      "pass",
      `\`${"x".repeat(80)}\` passed`,
    ],
  ]);
});

describe("Proa's own reports", () => {
  judges([
    [
      "that are required are left out, so that nothing waits for itself",
      { required: [required("proa/preview"), required("test")], runs: [run("test")] },
      "pass",
      "`test` passed",
    ],
    [
      "pinned to our app are left out, whatever their name",
      { required: [required("deploy", { appId: OURS }), required("test")], runs: [run("test")] },
      "pass",
      "`test` passed",
    ],
    [
      "leave the rule of quiet behind where they were all that was required",
      { required: [required("proa/preview")] },
      "wait",
      /no check has reported/,
    ],
    [
      "do not count as checks of the commit",
      {
        runs: [run("proa/preview report", { appId: OURS })],
        statuses: [status("proa/preview")],
        suites: [emptySuite(OURS)],
      },
      "wait",
      /no check has reported on 4f2c000/,
    ],
    [
      "do not fail the gate",
      { ...needsTest, runs: [run("test"), concluded("test", "failure", { appId: OURS })] },
      "pass",
      "`test` passed",
    ],
    [
      "pending do not hold it where nothing is required",
      {
        runs: [run("test"), running("proa/preview report", { appId: OURS })],
        statuses: [status("proa/preview", "pending")],
        suites: [suite(), suite({ appId: OURS, status: "queued" })],
      },
      "pass",
      "`test` passed",
    ],
  ]);

  test("that are required are named for a warning", () => {
    const situation = {
      required: [required("proa/staging"), required("test"), required("deploy", { appId: OURS })],
      gate: { require: ["proa/preview", "proa/staging"] },
    };
    expect(ownRequired(inputOf(situation))).toEqual(["deploy", "proa/preview", "proa/staging"]);
  });
});

describe("where a required check is absent", () => {
  judges([
    [
      "a held first contribution is the reason",
      { ...needsTest, suites: [suite({ runs: 0, conclusion: "action_required" })] },
      "human",
      "`test` cannot start: a maintainer has to approve the workflow run on GitHub",
    ],
    [
      "a broken workflow file is the reason",
      { ...needsTest, suites: [suite({ runs: 0, conclusion: "startup_failure" })] },
      "wait",
      /not reported yet — a workflow could not start, its file has an error$/,
    ],
    [
      "our own suite is no reason",
      { ...needsTest, suites: [suite({ appId: OURS, runs: 0, conclusion: "action_required" })] },
      "wait",
      /path filters/,
    ],
  ]);
});

test("a failure carries what a report needs to link to it", () => {
  const verdict = judgeChecks(inputOf({ ...needsTest, runs: [concluded("test", "timed_out")] }));
  expect(verdict).toMatchObject({
    failed: [{ name: "test", conclusion: "timed_out", url: "https://github.example/runs/test" }],
  });
});

test("what is absent is listed for whoever waits", () => {
  expect(judgeChecks(inputOf({ required: [required("lint"), required("a")] }))).toMatchObject({
    missing: ["a", "lint"],
    lookAgainAt: null,
  });
});

test("a rule renamed while a commit waits lets it through at the next look", () => {
  const checks = { runs: [run("test")] };
  expect(judgeChecks(inputOf({ ...checks, required: [required("tests")] }))).toMatchObject({ kind: "wait" });
  expect(judgeChecks(inputOf({ ...checks, required: [required("test")] }))).toMatchObject({ kind: "pass" });
});
