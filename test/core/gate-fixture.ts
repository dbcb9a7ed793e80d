import { expect, test } from "vitest";
import type {
  CheckRun,
  CheckSuite,
  CommitChecks,
  CommitStatus,
  RequiredContext,
  Verdict,
} from "../../src/core/checks.ts";
import type { GateConfig } from "../../src/core/config.ts";
import { type GateInput, judgeChecks } from "../../src/core/gate.ts";
import type { Sha } from "../../src/core/names.ts";

export const ACTIONS = 15368;
export const CIRCLE = 18001;
export const OURS = 4242;

export const start = Date.parse("2026-03-02T09:00:00Z");
export const seconds = (n: number): number => n * 1000;
export const minutes = (n: number): number => n * 60_000;
/** When every check of the fixtures has been quiet for long. */
export const now = start + minutes(10);

export const sha = "4f2c".padEnd(40, "0") as Sha;

export function run(name: string, change: Partial<CheckRun> = {}): CheckRun {
  const done = { status: "completed", conclusion: "success", startedAt: start, completedAt: start + seconds(30) };
  return { id: 1, name, appId: ACTIONS, url: `https://github.example/runs/${name}`, ...done, ...change };
}

export const running = (name: string, change: Partial<CheckRun> = {}): CheckRun =>
  run(name, { status: "in_progress", conclusion: null, completedAt: null, ...change });

export const concluded = (name: string, conclusion: string, change: Partial<CheckRun> = {}): CheckRun =>
  run(name, { conclusion, ...change });

export const status = (context: string, state = "success", change: Partial<CommitStatus> = {}): CommitStatus => ({
  context,
  state,
  description: "",
  updatedAt: start + seconds(20),
  url: `https://ci.example/${context}`,
  ...change,
});

export const suite = (change: Partial<CheckSuite> = {}): CheckSuite => ({
  id: 1,
  appId: ACTIONS,
  status: "completed",
  conclusion: "success",
  runs: 1,
  createdAt: start,
  updatedAt: start + seconds(30),
  ...change,
});

/** GitHub makes one for every App with checks:write on every push; it stays queued and empty. */
export const emptySuite = (appId: number): CheckSuite =>
  suite({ appId, runs: 0, status: "queued", conclusion: null, updatedAt: start });

export const required = (context: string, change: Partial<RequiredContext> = {}): RequiredContext => ({
  context,
  appId: null,
  source: "ruleset",
  ...change,
});

export const gate: GateConfig = {
  require: [],
  ignore: [],
  quietMs: seconds(60),
  noChecks: "wait",
  production: "auto",
};

export interface Situation {
  readonly runs?: readonly CheckRun[];
  readonly statuses?: readonly CommitStatus[];
  readonly suites?: readonly CheckSuite[];
  readonly required?: readonly RequiredContext[];
  readonly workflows?: readonly string[];
  readonly gate?: Partial<GateConfig>;
  readonly now?: number;
  readonly firstSeenAt?: number;
}

export const checksOf = ({ runs = [], statuses = [], suites = [] }: Situation): CommitChecks => ({
  sha,
  runs,
  statuses,
  suites,
});

export const inputOf = (situation: Situation): GateInput => ({
  checks: checksOf(situation),
  rules: { required: situation.required ?? [], workflows: situation.workflows ?? [] },
  gate: { ...gate, ...situation.gate },
  own: { appId: OURS, contextPrefix: "proa/" },
  firstSeenAt: situation.firstSeenAt ?? start,
  now: situation.now ?? now,
});

export type Row = readonly [title: string, situation: Situation, kind: Verdict["kind"], because: string | RegExp];

/** One test per row of a table. */
export function judges(rows: readonly Row[]): void {
  test.each(rows)("%s", (_, situation, kind, because) => {
    const verdict = judgeChecks(inputOf(situation));
    expect(verdict).toMatchObject({ kind, because: wanted(because, verdict) });
  });
}

/** Where a pattern matches, the sentence itself; where it does not, the pattern, so that the difference shows it. */
function wanted(because: string | RegExp, verdict: Verdict): string {
  if (typeof because === "string") return because;
  return because.test(verdict.because) ? verdict.because : String(because);
}
