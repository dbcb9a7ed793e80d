import { appJson, repositoryJson, repositoryHtml, repositoryUrl } from "./serialize.ts";
import type { Json } from "./http.ts";
import type { Hub } from "./hub.ts";
import { pullsAt } from "./pulls.ts";
import type { Repo, Run, Suite } from "./state.ts";

/** The one suite of an App for a commit, made when first needed. */
export function suiteFor(
  hub: Hub,
  repo: Repo,
  appId: number,
  headSha: string,
  from?: { branch: string; before: string },
): Suite {
  const [known] = hub.state.list(
    "suite",
    (suite) => suite.repoId === repo.id && suite.appId === appId && suite.headSha === headSha,
  );
  if (known !== undefined) return known;
  const now = hub.now();
  const origin = { headBranch: from?.branch ?? null, before: from?.before ?? null };
  return hub.state.put("suite", {
    id: hub.state.nextId(),
    repoId: repo.id,
    appId,
    headSha,
    ...origin,
    createdAt: now,
    updatedAt: now,
  });
}

const WORST_FIRST = ["failure", "timed_out", "cancelled", "action_required"];

/** A suite is what its newest runs say; one without runs stays queued for ever. */
export function suiteResult(
  hub: Hub,
  suite: Suite,
): { runs: Run[]; status: "queued" | "in_progress" | "completed"; conclusion: string | null } {
  const latest = new Map(hub.state.list("run", ({ suiteId }) => suiteId === suite.id).map((run) => [run.name, run]));
  const runs = [...latest.values()];
  if (runs.every(({ status }) => status === "queued")) return { runs, status: "queued", conclusion: null };
  if (runs.some(({ status }) => status !== "completed")) return { runs, status: "in_progress", conclusion: null };
  const worst = WORST_FIRST.find((conclusion) => runs.some((run) => run.conclusion === conclusion));
  return { runs, status: "completed", conclusion: worst ?? "success" };
}

function suiteInRunJson(hub: Hub, repo: Repo, suite: Suite): Json {
  const { status, conclusion } = suiteResult(hub, suite);
  return {
    id: suite.id,
    node_id: `CS_${suite.id}`,
    head_branch: suite.headBranch,
    head_sha: suite.headSha,
    status,
    conclusion,
    url: `${repositoryUrl(hub, repo)}/check-suites/${suite.id}`,
    before: suite.before,
    after: suite.headSha,
    pull_requests: pullsAt(hub, repo, suite.headSha),
    app: appJson(hub, suite.appId),
    created_at: suite.createdAt,
    updated_at: suite.updatedAt,
  };
}

/** With `full`, as REST lists suites; without, as webhooks carry them. */
export async function suiteJson(hub: Hub, repo: Repo, suite: Suite, shape: "rest" | "webhook"): Promise<Json> {
  const { tree, message, author, committer } = await (await hub.git(repo)).commit(suite.headSha);
  const person = ({ name, email }: typeof author): Json => ({ name, email });
  const base = suiteInRunJson(hub, repo, suite);
  return {
    ...base,
    ...(shape === "rest" ? { repository: repositoryJson(hub, repo) } : {}),
    latest_check_runs_count: suiteResult(hub, suite).runs.length,
    check_runs_url: `${String(base["url"])}/check-runs`,
    head_commit: {
      id: suite.headSha,
      tree_id: tree,
      message,
      timestamp: committer.at,
      author: person(author),
      committer: person(committer),
    },
  };
}

export function runJson(hub: Hub, repo: Repo, run: Run): Json {
  const url = `${repositoryUrl(hub, repo)}/check-runs/${run.id}`;
  const html = `${repositoryHtml(hub, repo)}/runs/${run.id}`;
  const suite = hub.state.get("suite", run.suiteId);
  return {
    id: run.id,
    node_id: `CR_${run.id}`,
    head_sha: run.headSha,
    external_id: run.externalId,
    url,
    html_url: html,
    details_url: run.detailsUrl ?? html,
    status: run.status,
    conclusion: run.conclusion,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    output: { ...run.output, annotations_count: run.annotations.length, annotations_url: `${url}/annotations` },
    name: run.name,
    check_suite: suite === undefined ? null : suiteInRunJson(hub, repo, suite),
    app: appJson(hub, run.appId),
    pull_requests: pullsAt(hub, repo, run.headSha),
  };
}

/** Stores a run and sends what follows: `created`, `completed`, and the suite's completion when this run was its last. */
export async function saveRun(
  hub: Hub,
  repo: Repo,
  run: Run,
  { isNew, sender }: { isNew: boolean; sender: string },
): Promise<Run> {
  const suite = hub.state.get("suite", run.suiteId);
  hub.state.put("run", run);
  if (suite !== undefined) hub.state.put("suite", { ...suite, updatedAt: hub.now() });
  if (isNew) hub.emit("check_run", repo, sender, { action: "created", check_run: runJson(hub, repo, run) });
  if (run.status !== "completed") return run;
  hub.emit("check_run", repo, sender, { action: "completed", check_run: runJson(hub, repo, run) });
  if (suite !== undefined && suiteResult(hub, suite).status === "completed")
    hub.emit("check_suite", repo, sender, {
      action: "completed",
      check_suite: await suiteJson(hub, repo, suite, "webhook"),
    });
  return run;
}
