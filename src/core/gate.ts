import type { BranchRules, CheckSuite, CommitChecks, RequiredContext, Verdict } from "./checks.ts";
import type { GateConfig } from "./config.ts";
import { allPassed, duration, mustPass, names, type Report, reportsOf } from "./gate-reports.ts";
import { short } from "./names.ts";
import type { Millis } from "./names.ts";

/** What Proa itself puts on a commit. It never counts: a gate that waits for its own report would wait for ever. */
export interface OwnChecks {
  readonly appId: number;
  readonly contextPrefix: "proa/";
}

export interface GateInput {
  readonly checks: CommitChecks;
  readonly rules: BranchRules;
  readonly gate: GateConfig;
  readonly own: OwnChecks;
  /** When Proa first saw the commit: the quiet period never starts earlier. */
  readonly firstSeenAt: Millis;
  readonly now: Millis;
}

/**
 * May this commit be deployed? What rulesets, branch protection and `gate.require` name has to pass, and nothing else counts.
 *
 * | reported as | counts as |
 * |---|---|
 * | success, neutral, skipped | passed; GitHub merges on `skipped` too, but it can hide a failed `needs:`, so it is said |
 * | failure, timed_out, cancelled, startup_failure, stale, error | failed, until a re-run says otherwise |
 * | action_required, waiting | a person has to act |
 * | anything else, or nothing at all | wait |
 *
 * Where nothing is required everything counts, and it has to have been quiet for a while: what has not registered yet is not
 * green. GitHub's combined status is not read: it says `pending` for a commit without any status.
 * https://docs.github.com/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
 */
export function judgeChecks(input: GateInput): Verdict {
  const { checks, own, now } = input;
  const reports = reportsOf(checks, own);
  if (nothingRequired(input)) return judgeEverything(input, reports);
  const demands = [
    ...foreignContexts(input).map((context) => demandContext(context, reports)),
    ...input.rules.workflows.map((workflow) => demandWorkflow(workflow, reports)),
  ];
  const counted = reports.filter((report) => demands.some((demand) => demand.reports.includes(report)));
  const missing = demands.filter((demand) => demand.kind === "context").filter((demand) => demand.reports.length === 0);
  const obstacle = mustPass(counted, now);
  if (obstacle?.kind === "fail" || obstacle?.kind === "human") return obstacle;
  if (missing.length > 0) return waitForMissing(obstacle, missing, foreignSuites(checks, own));
  if (obstacle !== null) return obstacle;

  const unnamed = demands.filter((demand) => demand.reports.length === 0).map((demand) => demand.name);
  return unnamed.length === 0 ? { kind: "pass", because: allPassed(counted) } : judgeUnnamed(unnamed, input, reports);
}

/** Contexts of our own that someone made required: they are left out of the verdict, and worth a warning on the config. */
export function ownRequired(input: Pick<GateInput, "rules" | "gate" | "own">): string[] {
  const ours = requiredContexts(input).filter((context) => isOurs(context, input.own));
  return [...new Set(ours.map(({ context }) => context))].sort();
}

export interface EnvironmentGateInput extends Omit<GateInput, "checks"> {
  readonly environment: string;
  /** The commit on the environment's branch. */
  readonly push: CommitChecks;
  /** The pull request it came from, if any; `treeEqual`: its head holds exactly the files of the commit. */
  readonly merged: { readonly checks: CommitChecks; readonly treeEqual: boolean; readonly number: number } | null;
}

/**
 * May this commit of a branch go to an environment? Checks that run for pull requests only never report on the merge commit,
 * so `gate.production` says whose checks count; `auto` takes the commit's own as soon as there are any.
 */
export function judgeEnvironmentCommit(input: EnvironmentGateInput): Verdict {
  const { gate, environment, firstSeenAt, now } = input;
  const push = { ...input, checks: input.push };
  switch (gate.production) {
    case "push-checks":
      return judgeChecks(push);
    case "head-checks-if-tree-equal":
      return judgeMergedHead(input);
    case "explicit":
      return { kind: "human", because: `waiting for \`/deploy ${environment}\`: \`gate.production\` is \`explicit\`` };
    case "auto": {
      if (hasReported(push)) return judgeChecks(push);
      const quietUntil = firstSeenAt + gate.quietMs;
      if (now < quietUntil) return wait(`waiting for checks to report on ${short(input.push.sha)}`, quietUntil);
      return input.merged === null && nothingRequired(push) ? judgeChecks(push) : judgeMergedHead(input);
    }
  }
}

function judgeMergedHead(input: EnvironmentGateInput): Verdict {
  const { merged, push } = input;
  const commit = short(push.sha);
  if (merged === null)
    return wait(
      `waiting: ${commit} has neither checks nor a merged pull request that had them — let the checks run on push`,
    );
  const head = `#${merged.number}`;
  if (!merged.treeEqual)
    return wait(
      `waiting: ${commit} has other files than the head of ${head}, whose checks do not cover it — let the checks run on push, or have branches updated before they merge`,
    );
  const verdict = judgeChecks({ ...input, checks: merged.checks });
  return { ...verdict, because: `${head} has the same files: ${verdict.because}` };
}

/** Whether anything that counts has reported on the commit: a required context, or anything at all where nothing is required. */
function hasReported(input: GateInput): boolean {
  const reports = reportsOf(input.checks, input.own);
  const required = foreignContexts(input);
  if (required.length > 0) return required.some((context) => demandContext(context, reports).reports.length > 0);
  return reports.some(notIgnored(input.gate)) || foreignSuites(input.checks, input.own).some((suite) => suite.runs > 0);
}

const nothingRequired = (input: GateInput): boolean =>
  foreignContexts(input).length === 0 && input.rules.workflows.length === 0;

const foreignContexts = (input: Pick<GateInput, "rules" | "gate" | "own">): RequiredContext[] =>
  requiredContexts(input).filter((context) => !isOurs(context, input.own));

function requiredContexts({ rules, gate }: Pick<GateInput, "rules" | "gate">): RequiredContext[] {
  return [...rules.required, ...gate.require.map((context) => ({ context, appId: null, source: "config" as const }))];
}

const isOurs = ({ context, appId }: RequiredContext, own: OwnChecks): boolean =>
  context.startsWith(own.contextPrefix) || appId === own.appId;

/** Something that has to pass and the reports that speak for it; none: it has not reported. */
type Demand =
  | {
      readonly kind: "context";
      readonly name: string;
      readonly source: RequiredContext["source"];
      readonly reports: readonly Report[];
      /** The app that has to report it, where something else reports under its name. */
      readonly onlyApp: number | null;
    }
  | { readonly kind: "workflow"; readonly name: string; readonly reports: readonly Report[] };
type ContextDemand = Extract<Demand, { kind: "context" }>;

/**
 * Every report of that name: a check run and a status that share it are both required, and so are runs of the same name in
 * different suites (a workflow started by push and by pull_request). `gate.ignore` is not asked: what is required counts.
 */
function demandContext({ context, appId, source }: RequiredContext, reports: readonly Report[]): Demand {
  const named = reports.filter((report) => report.name === context);
  const speaking = named.filter((report) => appId === null || report.appId === appId);
  return {
    kind: "context",
    name: context,
    source,
    reports: speaking,
    onlyApp: named.length > speaking.length ? appId : null,
  };
}

/** A ruleset names a required workflow by file or by name; its jobs are check runs with names of their own. */
function demandWorkflow(workflow: string, reports: readonly Report[]): Demand {
  const file = workflow.split("/").at(-1) ?? workflow;
  const spellings = [workflow, file, file.replace(/\.ya?ml$/, "")];
  const speaks = ({ name }: Report) =>
    spellings.some((spelling) => name === spelling || name.startsWith(`${spelling} / `));
  return { kind: "workflow", name: workflow, reports: reports.filter(speaks) };
}

function waitForMissing(
  pending: Verdict | null,
  missing: readonly ContextDemand[],
  suites: readonly CheckSuite[],
): Verdict {
  const absent = [...new Set(missing.map((demand) => demand.name))].sort();
  if (pending !== null)
    return {
      kind: "wait",
      because: `${pending.because}; not reported yet: ${names(absent)}`,
      lookAgainAt: null,
      missing: absent,
    };
  if (suites.some(needsApproval)) return approvalNeeded(absent);
  const because = `waiting for ${names(absent)}: required by ${sources(missing)}, not reported yet — ${whyAbsent(missing, suites)}`;
  return { kind: "wait", because, lookAgainAt: null, missing: absent };
}

function sources(missing: readonly ContextDemand[]): string {
  const word = { ruleset: "a ruleset", protection: "branch protection", config: ".proa.yml" };
  return [...new Set(missing.map((demand) => word[demand.source]))].sort().join(" and ");
}

function whyAbsent(missing: readonly ContextDemand[], suites: readonly CheckSuite[]): string {
  const { onlyApp = null } = missing.find((demand) => demand.onlyApp !== null) ?? {};
  if (onlyApp !== null)
    return `what reported under that name is not from app ${onlyApp}, which the rule wants (a commit status never is)`;
  if (suites.some(couldNotStart)) return "a workflow could not start, its file has an error";
  return "a workflow skipped by path filters never reports, and a renamed check needs its rule renamed";
}

/** None of the run names tells which runs are the workflow's, so all of them have to pass, and be quiet, with at least one there. */
function judgeUnnamed(workflows: readonly string[], input: GateInput, reports: readonly Report[]): Verdict {
  const verdict = judgeEverything({ ...input, gate: { ...input.gate, ignore: [], noChecks: "wait" } }, reports);
  const because = `a ruleset requires the workflow ${names(workflows)}, so every check counts: ${verdict.because}`;
  return verdict.kind === "wait" ? { ...verdict, because, missing: workflows } : { ...verdict, because };
}

/** Nothing is required: everything that registered has to pass, and nothing new may have appeared for the quiet period. */
function judgeEverything(input: GateInput, reports: readonly Report[]): Verdict {
  const { checks, gate, own, now } = input;
  const counted = reports.filter(notIgnored(gate));
  const ignoredApps = new Set(reports.filter((report) => !counted.includes(report)).map((report) => report.appId));
  for (const { appId } of counted) ignoredApps.delete(appId);
  const suites = foreignSuites(checks, own).filter((suite) => !ignoredApps.has(suite.appId));

  const obstacle = mustPass(counted, now);
  if (obstacle !== null) return obstacle;
  if (suites.some(needsApproval)) return approvalNeeded([]);
  if (suites.some(couldNotStart)) return wait("waiting: a workflow could not start, its file has an error");
  // An app that subscribed but never reports has an empty, queued suite on every commit, for ever.
  const registered = suites.filter((suite) => suite.runs > 0);
  if (registered.some((suite) => suite.status !== "completed"))
    return wait("waiting for a check suite that is not completed: more checks may come");

  const nothing = counted.length === 0 && registered.length === 0;
  if (nothing && gate.noChecks === "wait")
    return wait(
      `waiting: no check has reported on ${short(checks.sha)}, and that is not the same as green — ${noChecksRemedy}`,
    );
  const quietSince = newest(input, counted, registered);
  const passed = nothing ? "no check reported, which `gate.noChecks` allows" : allPassed(counted);
  if (now < quietSince + gate.quietMs)
    return wait(
      `${passed}; waiting until nothing new has appeared for ${duration(gate.quietMs)}`,
      quietSince + gate.quietMs,
    );
  return { kind: "pass", because: passed };
}

const noChecksRemedy = "name one in `gate.require`, or set `gate.noChecks: allow`";

const wait = (because: string, lookAgainAt: Millis | null = null): Verdict => ({
  kind: "wait",
  because,
  lookAgainAt,
  missing: [],
});

/** GitHub holds workflows of first-time contributors as completed suites without a run, conclusion `action_required`. */
const needsApproval = (suite: CheckSuite): boolean =>
  suite.runs === 0 && (suite.conclusion === "action_required" || suite.status === "waiting");

const approvalNeeded = (missing: readonly string[]): Verdict => ({
  kind: "human",
  because: `${missing.length === 0 ? "the checks" : names(missing)} cannot start: a maintainer has to approve the workflow run on GitHub`,
});

const couldNotStart = (suite: CheckSuite): boolean => suite.conclusion === "startup_failure";

const foreignSuites = (checks: CommitChecks, own: OwnChecks): CheckSuite[] =>
  checks.suites.filter((suite) => suite.appId !== own.appId);

/** Apps choose the times of their check runs freely; one in the future must not hold a commit for ever. */
const CLOCK_SKEW_MS = 60_000;

function newest(input: GateInput, counted: readonly Report[], suites: readonly CheckSuite[]): Millis {
  const times = [
    ...counted.flatMap((report) => report.times),
    ...suites.flatMap((suite) => [suite.createdAt, suite.updatedAt]),
  ];
  return Math.max(input.firstSeenAt, ...times.filter((time) => time <= input.now + CLOCK_SKEW_MS));
}

const notIgnored =
  (gate: GateConfig) =>
  (report: Report): boolean =>
    !gate.ignore.some((glob) => matches(glob, report.name));

/** `*` stands for anything, slashes included: a context is a name, not a path. Linear in the name, whatever the glob. */
function matches(glob: string, name: string): boolean {
  const [first = "", ...rest] = glob.split("*");
  const last = rest.pop();
  if (last === undefined) return name === glob;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = name.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}
