import type { CheckRun, CommitChecks } from "../../src/core/checks.ts";
import type { CheckRunBody, StatusBody } from "../../src/core/github.ts";
import type { Sha } from "../../src/core/names.ts";
import { latestRuns, marksOf, type Repo, type Run, type Suite, suiteView, type World } from "./github-state.ts";
import { runJson, statusJson, suiteJson } from "./github-webhooks.ts";

export interface RunChange {
  readonly status: CheckRunBody["status"];
  readonly conclusion: string | null;
}

/** The one suite of an App for a commit, made when first needed. */
export function suiteFor(world: World, repo: Repo, appId: number, sha: Sha): Suite {
  const marks = marksOf(repo, sha);
  const known = marks.suites.find((suite) => suite.appId === appId);
  if (known !== undefined) return known;
  const now = world.now();
  const suite: Suite = { id: world.nextId(), appId, createdAt: now, updatedAt: now };
  marks.suites.push(suite);
  marks.shown = null;
  return suite;
}

export function addRun(
  world: World,
  repo: Repo,
  sha: Sha,
  made: RunChange &
    Pick<Run, "externalId" | "body"> & { readonly appId: number; readonly name: string; readonly by: string },
): Run {
  const { appId, name, status, conclusion, externalId, body, by } = made;
  const id = world.nextId();
  const view: CheckRun = {
    id,
    name,
    appId,
    status: "queued",
    conclusion: null,
    startedAt: world.now(),
    completedAt: null,
    url: `https://github.example/${repo.name}/runs/${id}`,
  };
  const run: Run = { id, suite: suiteFor(world, repo, appId, sha), sha, view, externalId, body };
  repo.runs.set(id, run);
  marksOf(repo, sha).runs.push(run);
  set(world, repo, run, { status, conclusion });
  world.webhooks.emit(repo, "check_run", by, { action: "created", check_run: runJson(repo, run) });
  tellCompletion(world, repo, run, by);
  return run;
}

/** An update tells of a run that is completed, and of its suite once all of that one's runs are; a start is told to nobody. */
export function changeRun(world: World, repo: Repo, run: Run, change: RunChange, by: string): void {
  set(world, repo, run, change);
  tellCompletion(world, repo, run, by);
}

function set(world: World, repo: Repo, run: Run, { status, conclusion }: RunChange): void {
  const completedAt = status === "completed" ? world.now() : null;
  run.view = { ...run.view, status, conclusion, completedAt };
  run.suite.updatedAt = world.now();
  marksOf(repo, run.sha).shown = null;
}

function tellCompletion(world: World, repo: Repo, run: Run, by: string): void {
  if (run.view.status !== "completed") return;
  world.webhooks.emit(repo, "check_run", by, { action: "completed", check_run: runJson(repo, run) });
  const { suite, sha } = run;
  if (suiteView(marksOf(repo, sha), suite).status === "completed")
    world.webhooks.emit(repo, "check_suite", by, { action: "completed", check_suite: suiteJson(repo, suite, sha) });
}

/** False: the thousandth status of this commit and context was the last. https://docs.github.com/rest/commits/statuses */
export function addStatus(world: World, repo: Repo, sha: Sha, by: string, status: StatusBody): boolean {
  const { context, state, description, targetUrl } = status;
  const marks = marksOf(repo, sha);
  if (marks.statuses.filter((earlier) => earlier.context === context).length >= 1000) return false;
  const record = { id: world.nextId(), by, context, state, description, updatedAt: world.now(), url: targetUrl ?? "" };
  marks.statuses.push(record);
  marks.shown = null;
  world.webhooks.emit(repo, "status", by, statusJson(sha, record));
  return true;
}

/** As the adapter puts it together: the newest run of each name per suite, the newest status of each context. */
export function checksOf(repo: Repo, sha: Sha): CommitChecks {
  const marks = marksOf(repo, sha);
  if (marks.shown !== null) return marks.shown;
  const statuses = new Map(
    marks.statuses.map(({ context, state, description, updatedAt, url }) => [
      context,
      { context, state, description, updatedAt, url },
    ]),
  );
  marks.shown = {
    sha,
    runs: latestRuns(marks.runs)
      .map(({ view }) => view)
      .reverse(),
    statuses: [...statuses.values()].sort((a, b) => (a.context < b.context ? -1 : 1)),
    suites: marks.suites.map((suite) => suiteView(marks, suite)),
  };
  return marks.shown;
}

/** Whether everything of this name that reported on the commit, check runs and statuses alike, has passed; null: nothing has. */
export function contextPassed(repo: Repo, sha: Sha, context: string, appId: number | null): boolean | null {
  const { runs, statuses } = checksOf(repo, sha);
  const results = [
    ...runs.flatMap((run) =>
      run.name === context && (appId === null || run.appId === appId)
        ? [["success", "neutral", "skipped"].includes(run.conclusion ?? "")]
        : [],
    ),
    ...statuses.flatMap((status) => (status.context === context && appId === null ? [status.state === "success"] : [])),
  ];
  return results.length === 0 ? null : results.every(Boolean);
}
