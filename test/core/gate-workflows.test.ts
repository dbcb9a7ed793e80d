import { describe } from "vitest";
import { concluded, judges, now, required, run, suite } from "./gate-fixture.ts";

const needsTest = { required: [required("test")] };

describe("a workflow that a ruleset requires", () => {
  const needsCi = { workflows: [".github/workflows/ci.yml"] };
  judges([
    [
      "is found by its file's name",
      { ...needsCi, runs: [run("ci / test"), concluded("other", "failure")] },
      "pass",
      "`ci / test` passed",
    ],
    ["is found by its name", { workflows: ["Checks"], runs: [run("Checks / test")] }, "pass", "`Checks / test` passed"],
    [
      "is not found by a mere beginning",
      { ...needsCi, runs: [run("circus"), concluded("other", "failure")] },
      "fail",
      /so every check counts: `other` failed$/,
    ],
    [
      "has all its jobs counted",
      { ...needsCi, runs: [run("ci / test"), concluded("ci / lint", "failure")] },
      "fail",
      "`ci / lint` failed",
    ],
    [
      "that no run names makes every check count",
      { ...needsCi, runs: [run("test")], suites: [suite()] },
      "pass",
      "a ruleset requires the workflow `.github/workflows/ci.yml`, so every check counts: `test` passed",
    ],
    [
      "that no run names is not green without any check",
      { ...needsCi, gate: { noChecks: "allow" } },
      "wait",
      /so every check counts: waiting: no check has reported/,
    ],
    [
      "that no run names waits for quiet, for it may not have registered",
      { ...needsCi, runs: [run("test", { completedAt: now })] },
      "wait",
      /every check counts: `test` passed; waiting until/,
    ],
    [
      "that no run names cannot be ignored away",
      { ...needsCi, gate: { ignore: ["*"] }, runs: [concluded("test", "failure")] },
      "fail",
      /every check counts: `test` failed/,
    ],
    [
      "does not excuse a required context",
      { ...needsCi, ...needsTest, runs: [run("ci / test")] },
      "wait",
      /^waiting for `test`: required/,
    ],
  ]);
});
