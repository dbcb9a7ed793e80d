import { describe, expect, test } from "vitest";
import { judgeChecks } from "../../src/core/gate.ts";
import {
  CIRCLE,
  concluded,
  emptySuite,
  inputOf,
  judges,
  minutes,
  now,
  run,
  running,
  seconds,
  status,
  suite,
} from "./gate-fixture.ts";

describe("where nothing is required", () => {
  const quiet = "waiting until nothing new has appeared for 60 s";
  const fresh = { firstSeenAt: now - seconds(10) };
  judges([
    [
      "zero checks are not green, however long it has been",
      { now: now + minutes(600) },
      "wait",
      "waiting: no check has reported on 4f2c000, and that is not the same as green — name one in `gate.require`, or set `gate.noChecks: allow`",
    ],
    [
      "apps that never report do not count",
      { suites: [emptySuite(CIRCLE), emptySuite(7)] },
      "wait",
      /no check has reported/,
    ],
    [
      "zero checks pass with `noChecks: allow`",
      { gate: { noChecks: "allow" } },
      "pass",
      "no check reported, which `gate.noChecks` allows",
    ],
    [
      "zero checks pass with `noChecks: allow` only after the quiet period",
      { ...fresh, gate: { noChecks: "allow" } },
      "wait",
      `no check reported, which \`gate.noChecks\` allows; ${quiet}`,
    ],
    [
      "`noChecks: allow` does not pass a red check",
      { gate: { noChecks: "allow" }, runs: [concluded("test", "failure")] },
      "fail",
      "`test` failed",
    ],
    [
      "`noChecks: allow` does not pass a running one",
      { gate: { noChecks: "allow" }, suites: [suite({ status: "queued", conclusion: null })] },
      "wait",
      /check suite that is not completed/,
    ],
    [
      "everything green and quiet passes",
      { runs: [run("test")], statuses: [status("ci")], suites: [suite()] },
      "pass",
      "`ci` and `test` passed",
    ],
    [
      "statuses alone pass, though GitHub's combined state knows nothing of checks",
      { statuses: [status("ci")] },
      "pass",
      "`ci` passed",
    ],
    [
      "checks alone pass, though the combined state of no statuses is pending",
      { runs: [run("test")] },
      "pass",
      "`test` passed",
    ],
    ["anything red fails", { runs: [run("test"), concluded("lint", "failure")] }, "fail", "`lint` failed"],
    [
      "anything running is waited for",
      { runs: [run("test"), running("lint", { startedAt: now - seconds(3) })] },
      "wait",
      "waiting for `lint` (running 3 s)",
    ],
    [
      "a pending status is waited for",
      { runs: [run("test")], statuses: [status("ci", "pending")] },
      "wait",
      "waiting for `ci` (not started)",
    ],
    [
      "a suite that is not done may still start jobs",
      { runs: [run("build")], suites: [suite({ status: "in_progress", conclusion: null })] },
      "wait",
      /check suite that is not completed/,
    ],
    [
      "a suite whose jobs are all red by the ignored is not asked for its conclusion",
      {
        gate: { ignore: ["lint"] },
        runs: [run("test"), concluded("lint", "failure")],
        suites: [suite({ conclusion: "failure", runs: 2 })],
      },
      "pass",
      "`test` passed",
    ],
    ["green is not enough while it is fresh", { ...fresh, runs: [run("test")] }, "wait", `\`test\` passed; ${quiet}`],
    [
      "the quiet period starts again with a new check",
      { runs: [run("test"), run("late", { startedAt: now - seconds(20), completedAt: now - seconds(15) })] },
      "wait",
      `\`late\` and \`test\` passed; ${quiet}`,
    ],
    [
      "the quiet period starts again with a new status",
      { statuses: [status("ci", "success", { updatedAt: now - seconds(1) })] },
      "wait",
      `\`ci\` passed; ${quiet}`,
    ],
    [
      "the quiet period starts again with a new suite",
      { runs: [run("test")], suites: [suite({ createdAt: now - seconds(59) })] },
      "wait",
      `\`test\` passed; ${quiet}`,
    ],
    [
      "the quiet period is over at its last millisecond",
      { runs: [run("test", { completedAt: now - seconds(60) })] },
      "pass",
      "`test` passed",
    ],
    [
      "a check from the far future does not hold it for ever",
      { runs: [run("test", { completedAt: now + minutes(60 * 24 * 365) })] },
      "pass",
      "`test` passed",
    ],
    [
      "a clock that runs a little ahead does not cut it short",
      { runs: [run("test", { completedAt: now + seconds(2) })] },
      "wait",
      /passed; waiting until nothing new/,
    ],
    [
      "ignored checks do not fail it",
      { gate: { ignore: ["codecov/*"] }, runs: [run("test"), concluded("codecov/patch", "failure", { appId: 254 })] },
      "pass",
      "`test` passed",
    ],
    [
      "ignored statuses do not hold it",
      { gate: { ignore: ["codecov/*"] }, runs: [run("test")], statuses: [status("codecov/project", "pending")] },
      "pass",
      "`test` passed",
    ],
    [
      "the suite of an app whose checks are all ignored does not hold it",
      {
        gate: { ignore: ["codecov/*"] },
        runs: [run("test"), running("codecov/patch", { appId: 254 })],
        suites: [suite(), suite({ appId: 254, status: "in_progress" })],
      },
      "pass",
      "`test` passed",
    ],
    [
      "an ignored check that wants something of a person does not hold it through its suite",
      {
        gate: { ignore: ["cla"] },
        runs: [run("test"), concluded("cla", "action_required")],
        suites: [suite({ conclusion: "action_required", runs: 2 })],
      },
      "pass",
      "`test` passed",
    ],
    [
      "the suite of an app of whose checks one is ignored counts",
      { gate: { ignore: ["lint"] }, runs: [run("test"), run("lint")], suites: [suite({ status: "in_progress" })] },
      "wait",
      /check suite that is not completed/,
    ],
    [
      "only ignored checks are no checks",
      { gate: { ignore: ["*"] }, runs: [run("test")], suites: [suite()] },
      "wait",
      /no check has reported/,
    ],
    [
      "`*` in the middle matches",
      { gate: { ignore: ["ci/*/slow"] }, runs: [run("test"), concluded("ci/a/b/slow", "failure")] },
      "pass",
      "`test` passed",
    ],
    [
      "`*` does not match across what must stay apart",
      { gate: { ignore: ["ab*ba"] }, runs: [concluded("aba", "failure")] },
      "fail",
      "`aba` failed",
    ],
    [
      "a glob without `*` is a name",
      { gate: { ignore: ["lin"] }, runs: [concluded("lint", "failure")] },
      "fail",
      "`lint` failed",
    ],
    [
      "several `*` match in order",
      { gate: { ignore: ["a*b*c"] }, runs: [concluded("axcxb", "failure")] },
      "fail",
      "`axcxb` failed",
    ],
    [
      "a held first contribution needs a maintainer",
      { suites: [suite({ runs: 0, conclusion: "action_required" })] },
      "human",
      "the checks cannot start: a maintainer has to approve the workflow run on GitHub",
    ],
    [
      "a workflow that could not start is not green",
      { runs: [run("lint", { appId: CIRCLE })], suites: [suite({ runs: 0, conclusion: "startup_failure" })] },
      "wait",
      "waiting: a workflow could not start, its file has an error",
    ],
  ]);
});

test("a quiet period says when it ends; looking again then passes", () => {
  const situation = { runs: [run("test", { completedAt: now - seconds(20) })] };
  const verdict = judgeChecks(inputOf(situation));
  expect(verdict).toMatchObject({ kind: "wait", lookAgainAt: now + seconds(40) });
  expect(judgeChecks(inputOf({ ...situation, now: now + seconds(40) - 1 }))).toMatchObject({ kind: "wait" });
  expect(judgeChecks(inputOf({ ...situation, now: now + seconds(40) }))).toMatchObject({ kind: "pass" });
});
