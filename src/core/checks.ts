import type { Millis, Sha } from "./names.ts";

/** What GitHub knows about one commit, as the gate reads it. */
export interface CommitChecks {
  readonly sha: Sha;
  readonly runs: readonly CheckRun[];
  readonly statuses: readonly CommitStatus[];
  readonly suites: readonly CheckSuite[];
}

export interface CheckRun {
  readonly id: number;
  readonly name: string;
  readonly appId: number;
  readonly status: string;
  readonly conclusion: string | null;
  readonly startedAt: Millis | null;
  readonly completedAt: Millis | null;
  readonly url: string;
}

export interface CommitStatus {
  readonly context: string;
  readonly state: string;
  readonly description: string;
  readonly updatedAt: Millis;
  readonly url: string;
}

export interface CheckSuite {
  readonly id: number;
  readonly appId: number;
  readonly status: string;
  readonly conclusion: string | null;
  /** `latest_check_runs_count`; an app that never reports has an empty suite for ever. */
  readonly runs: number;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

/** What a branch demands: rulesets and classic protection together, without `.proa.yml`'s additions. */
export interface BranchRules {
  readonly required: readonly RequiredContext[];
  /** Names of workflows a ruleset requires; they carry no context. */
  readonly workflows: readonly string[];
}

export interface RequiredContext {
  readonly context: string;
  /** Only this app's check counts; null: any. */
  readonly appId: number | null;
  readonly source: "ruleset" | "protection" | "config";
}

/** The gate's answer for one commit. `because` is shown to people as it is. */
export type Verdict =
  | { readonly kind: "pass"; readonly because: string }
  /** `lookAgainAt`: when time alone can change the answer (a quiet period); null: only an event can. */
  | {
      readonly kind: "wait";
      readonly because: string;
      readonly lookAgainAt: Millis | null;
      readonly missing: readonly string[];
    }
  | { readonly kind: "fail"; readonly because: string; readonly failed: readonly FailedCheck[] }
  /** `action_required`, a waiting approval: only a person can move it. */
  | { readonly kind: "human"; readonly because: string };

export interface FailedCheck {
  readonly name: string;
  readonly conclusion: string;
  readonly url: string;
}
