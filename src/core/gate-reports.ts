import type { CheckRun, CommitChecks, CommitStatus, Verdict } from "./checks.ts";
import type { Millis } from "./names.ts";

/** A check run or a commit status: the gate judges both alike. */
export interface Report {
  /** The check run's; 0: a status, of which there is one per name. */
  readonly id: number;
  readonly name: string;
  /** null: a status, which does not say who set it. A requirement pinned to an app is therefore never met by one. */
  readonly appId: number | null;
  readonly url: string;
  readonly outcome: Outcome;
  /** Everything this report says about when something happened. */
  readonly times: readonly Millis[];
}

export type Outcome =
  | { readonly kind: "passed"; readonly skipped: boolean }
  | { readonly kind: "failed"; readonly conclusion: string }
  | { readonly kind: "person"; readonly needs: "an action" | "an approval" }
  | { readonly kind: "pending"; readonly startedAt: Millis | null };

/** Every report of someone else, in a stable order. */
export function reportsOf(
  checks: CommitChecks,
  own: { readonly appId: number; readonly contextPrefix: string },
): Report[] {
  const runs = checks.runs.filter((run) => run.appId !== own.appId).map(fromRun);
  return [...runs, ...checks.statuses.map(fromStatus)]
    .filter((report) => !report.name.startsWith(own.contextPrefix))
    .sort((a, b) => compare(a.name, b.name) || a.id - b.id);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function fromRun(run: CheckRun): Report {
  const times = [run.startedAt, run.completedAt].filter((time) => time !== null);
  return { id: run.id, name: run.name, appId: run.appId, url: run.url, outcome: outcomeOfRun(run), times };
}

function outcomeOfRun(run: CheckRun): Outcome {
  if (run.status === "waiting") return { kind: "person", needs: "an approval" };
  const running = { kind: "pending", startedAt: run.status === "in_progress" ? run.startedAt : null } as const;
  if (run.status !== "completed") return running;
  switch (run.conclusion) {
    case "success":
    case "neutral":
      return { kind: "passed", skipped: false };
    case "skipped":
      return { kind: "passed", skipped: true };
    case "action_required":
      return { kind: "person", needs: "an action" };
    case "failure":
    case "timed_out":
    case "cancelled":
    case "startup_failure":
    case "stale":
      return { kind: "failed", conclusion: run.conclusion };
    default:
      // A conclusion GitHub adds one day is neither green nor red until someone has decided what it means.
      return running;
  }
}

function fromStatus(status: CommitStatus): Report {
  return {
    id: 0,
    name: status.context,
    appId: null,
    url: status.url,
    outcome: outcomeOfStatus(status),
    times: [status.updatedAt],
  };
}

function outcomeOfStatus({ state }: CommitStatus): Outcome {
  if (state === "success") return { kind: "passed", skipped: false };
  return state === "failure" || state === "error"
    ? { kind: "failed", conclusion: state }
    : { kind: "pending", startedAt: null };
}

/** The first reason why these do not all pass: a failure decides, then what only a person can move; null: all passed. */
export function mustPass(reports: readonly Report[], now: Millis): Verdict | null {
  const failed = reports.flatMap(({ name, url, outcome }) =>
    outcome.kind === "failed" ? [{ name, conclusion: outcome.conclusion, url }] : [],
  );
  if (failed.length > 0)
    return { kind: "fail", because: said(failed, ({ conclusion }) => FAILED[conclusion] ?? "failed"), failed };
  const person = reports.flatMap(({ name, outcome }) => (outcome.kind === "person" ? [{ name, ...outcome }] : []));
  if (person.length > 0) return { kind: "human", because: said(person, ({ needs }) => `needs ${needs} by a person`) };
  const pending = reports.flatMap(({ name, outcome }) => (outcome.kind === "pending" ? [{ name, ...outcome }] : []));
  if (pending.length > 0) {
    const because = `waiting for ${said(pending, ({ startedAt }) => `(${progress(startedAt, now)})`)}`;
    return { kind: "wait", because, lookAgainAt: null, missing: [] };
  }
  return null;
}

const FAILED: Readonly<Record<string, string>> = {
  timed_out: "timed out",
  cancelled: "was cancelled",
  startup_failure: "could not start",
  stale: "went stale: GitHub gave up on it after 14 days",
};

const progress = (startedAt: Millis | null, now: Millis): string =>
  startedAt === null ? "not started" : `running ${duration(Math.max(0, now - startedAt))}`;

/** Each name once, whatever number of suites it reports in. */
function said<T extends { readonly name: string }>(items: readonly T[], about: (item: T) => string): string {
  const named = new Map<string, string>();
  for (const item of items) if (!named.has(item.name)) named.set(item.name, `${code(item.name)} ${about(item)}`);
  return list([...named.values()]);
}

/** For reports of which none stands in the way. */
export function allPassed(reports: readonly Report[]): string {
  const skipped = reports.filter(({ outcome }) => outcome.kind === "passed" && outcome.skipped).map(({ name }) => name);
  const passed = reports.filter(({ outcome }) => outcome.kind === "passed" && !outcome.skipped).map(({ name }) => name);
  const parts = [
    ...(passed.length > 0 ? [`${names(passed)} passed`] : []),
    ...(skipped.length > 0 ? [`${names(skipped)} skipped, which counts as passed`] : []),
  ];
  return parts.length > 0 ? parts.join("; ") : "every check passed";
}

export const names = (of: readonly string[]): string => list([...new Set(of)].map(code));

/** At most three by name; the rest as a number, so that a status' 140 characters are not all names. */
function list(items: readonly string[]): string {
  const unique = [...new Set(items)];
  const shown = unique.slice(0, 3);
  const last = unique.length > 3 ? `${unique.length - 3} more` : shown.pop();
  return shown.length === 0 ? `${last}` : `${shown.join(", ")} and ${last}`;
}

/** Anyone whose workflow runs names its jobs: the name must not end the code span and speak to people as Proa. */
export const code = (name: string): string =>
  `\`${name
    .replace(/[`\p{Cc}\p{Zl}\p{Zp}]/gu, "'")
    .slice(0, 80)
    .toWellFormed()}\``;

export function duration(ms: Millis): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
