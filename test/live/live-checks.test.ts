import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Finding, runChecks } from "./check.ts";
import { awsChecks } from "./checks-aws.ts";
import { clusterChecks } from "./checks-cluster.ts";
import { githubChecks } from "./checks-github.ts";

test("docs/live-checks.md lists every check with what holds until it is run", () => {
  const page = readFileSync(new URL("../../docs/live-checks.md", import.meta.url), "utf8");
  const [, ...sections] = page.split("\n## ");
  const rows = sections.flatMap((section) => section.split("\n").filter((line) => /^\| [a-zA-Z]/.test(line)));
  const listed = rows.filter((line) => line !== "| check | question | until it is run |");
  const all = [...githubChecks, ...awsChecks, ...clusterChecks];
  expect(listed).toEqual(all.map(({ name, question, untilThen }) => `| ${name} | ${question} | ${untilThen} |`));
});

test("without anything given over to it, it says what to set and is content", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const said = execFileSync(process.execPath, [main], { env: { PATH: "" }, encoding: "utf8" });
  expect(said).toContain("Nothing was asked: set PROA_LIVE_REPOSITORY, PROA_LIVE_STACK or PROA_LIVE_EKS_CLUSTER");
});

test("a check that fails has told nothing, and the next is run all the same", async () => {
  const fine: Finding = { kind: "as assumed", said: "yes" };
  const checks = [
    { name: "a", question: "?", untilThen: "-", run: () => Promise.reject(new Error("no network")) },
    { name: "b", question: "?", untilThen: "-", run: () => Promise.resolve(fine) },
  ];
  const lines: string[] = [];
  const told = await runChecks(checks, null, (line) => lines.push(line));
  expect(told.map(({ finding }) => finding.kind)).toEqual(["not told", "as assumed"]);
  expect(lines).toEqual(["not told    a: no network", "as assumed  b: yes"]);
});
