import { loginOf } from "../auth.ts";
import { runJson, saveRun, suiteFor, suiteJson } from "../checks.ts";
import {
  type Answer,
  created,
  type Fields,
  invalid,
  type Json,
  notFound,
  ok,
  Refusal,
  unprocessable,
} from "../http.ts";
import { idOf, paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { repositoryHtml } from "../serialize.ts";
import type { Run } from "../state.ts";

export const checkRoutes: readonly Route[] = [
  repoRoute("POST /check-runs", "checks:write", createRun),
  repoRoute("GET /check-runs/{id}", "checks:read", (call) => ok(runJson(call.hub, call.repo, runOf(call)))),
  repoRoute("PATCH /check-runs/{id}", "checks:write", updateRun),
  repoRoute("GET /check-runs/{id}/annotations", "checks:read", (call) =>
    paged(call, runOf(call).annotations, (annotation) => annotation),
  ),
  repoRoute("POST /check-runs/{id}/rerequest", "button", rerequest),
  /** Not GitHub's, like the press below: there the buttons are only on the page. */
  repoRoute("GET /check-runs/{id}/actions", "checks:read", (call) => ok(runOf(call).actions)),
  repoRoute("POST /check-runs/{id}/actions/{identifier}", "button", pressButton),
  repoRoute("GET /commits/{ref...}/check-runs", "checks:read", listRuns),
  repoRoute("GET /commits/{ref...}/check-suites", "checks:read", async (call) => {
    const sha = await commitOf(call);
    const suites = call.hub.state.list("suite", ({ repoId, headSha }) => repoId === call.repo.id && headSha === sha);
    const wanted = call.query.get("app_id");
    const listed = suites.filter(({ appId }) => wanted === null || appId === Number(wanted));
    return paged(
      call,
      listed,
      (suite) => suiteJson(call.hub, call.repo, suite, "rest"),
      (check_suites) => ({ total_count: listed.length, check_suites }),
    );
  }),
  repoRoute("GET /check-suites/{id}", "checks:read", async (call) => {
    const suite = call.hub.state.get("suite", idOf(call, "id"));
    if (suite?.repoId !== call.repo.id) throw notFound();
    return ok(await suiteJson(call.hub, call.repo, suite, "rest"));
  }),
];

function runOf(call: RepoCall): Run {
  const run = call.hub.state.get("run", idOf(call, "id"));
  if (run?.repoId !== call.repo.id) throw notFound();
  return run;
}

async function commitOf({ hub, repo, params }: RepoCall): Promise<string> {
  const sha = await (await hub.git(repo)).resolve(params["ref"] ?? "");
  if (sha === null) throw unprocessable(`No commit found for SHA: ${params["ref"]}`);
  return sha;
}

const callersApp = ({ hub, viewer }: RepoCall): number =>
  viewer.kind === "ci" ? hub.options.ciApp.id : hub.options.app.id;

async function createRun(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const headSha = body.required("head_sha");
  if ((await (await hub.git(repo)).resolve(headSha)) !== headSha)
    throw unprocessable(`No commit found for SHA: ${headSha}`);
  const appId = callersApp(call);
  const blank: Run = {
    id: hub.state.nextId(),
    repoId: repo.id,
    suiteId: suiteFor(hub, repo, appId, headSha).id,
    appId,
    name: body.required("name"),
    headSha,
    externalId: "",
    detailsUrl: null,
    status: "queued",
    conclusion: null,
    startedAt: hub.now(),
    completedAt: null,
    output: { title: null, summary: null, text: null },
    annotations: [],
    actions: [],
  };
  const run = applied(blank, body, hub.now());
  await saveRun(hub, repo, run, { isNew: true, sender: loginOf(hub, viewer) });
  return created(runJson(hub, repo, run));
}

async function updateRun(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const before = runOf(call);
  if (before.appId !== callersApp(call))
    throw new Refusal(
      403,
      `Invalid app_id \`${callersApp(call)}\` - check run can only be modified by the GitHub App that created it.`,
    );
  const run = applied(before, body, hub.now());
  await saveRun(hub, repo, run, { isNew: false, sender: loginOf(hub, viewer) });
  return ok(runJson(hub, repo, run));
}

const CONCLUSIONS = ["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"] as const;

/** The run after a create or an update, with the limits GitHub states for both. Annotations add up; actions are replaced. */
function applied(run: Run, body: Fields, now: string): Run {
  const conclusion = body.oneOf("conclusion", CONCLUSIONS);
  const asked = body.oneOf("status", ["queued", "in_progress", "completed"]);
  if (conclusion === null && (asked === "completed" || body.has("completed_at")))
    throw invalid("CheckRun", "conclusion", "missing_field");
  const status = conclusion === null ? (asked ?? run.status) : "completed";
  const output = body.within("output");
  const annotations = output?.records("annotations") ?? [];
  const actions = body.has("actions") ? body.records("actions") : run.actions;
  if (
    output !== null &&
    (output.text("summary") === null || (output.text("title") === null && run.output.title === null))
  )
    throw invalid("CheckRun", "output", "missing_field", "output needs a title and a summary");
  for (const field of ["summary", "text"])
    if ((output?.text(field) ?? "").length > 65_535) throw invalid("CheckRun", field, "too_long");
  if (annotations.length > 50)
    throw unprocessable("Invalid request.\n\nNo more than 50 items are allowed in annotations.");
  if (actions.length > 3) throw unprocessable("Invalid request.\n\nNo more than 3 items are allowed in actions.");
  for (const action of actions) checkAction(action);
  return {
    ...run,
    name: body.text("name") ?? run.name,
    externalId: body.text("external_id") ?? run.externalId,
    detailsUrl: body.text("details_url") ?? run.detailsUrl,
    status,
    conclusion: conclusion ?? (asked === null ? run.conclusion : null),
    startedAt: body.text("started_at") ?? run.startedAt,
    completedAt:
      status === "completed" ? (body.text("completed_at") ?? (conclusion === null ? run.completedAt : now)) : null,
    output:
      output === null
        ? run.output
        : {
            title: output.text("title") ?? run.output.title,
            summary: output.text("summary"),
            text: output.text("text"),
          },
    annotations: [...run.annotations, ...annotations.map((annotation) => annotationOf(annotation, run))],
    actions,
  };
}

function checkAction(action: Json): void {
  for (const [field, most] of [
    ["label", 20],
    ["description", 40],
    ["identifier", 20],
  ] as const) {
    const value = action[field];
    if (typeof value !== "string" || value.length > most)
      throw unprocessable(`Invalid request.\n\nactions: "${field}" must be a string of at most ${most} characters.`);
  }
}

const annotationOf = (annotation: Json, run: Run): Json => ({
  blob_href: `${run.headSha}/${String(annotation["path"])}`,
  start_column: null,
  end_column: null,
  title: null,
  raw_details: null,
  ...annotation,
});

async function listRuns(call: RepoCall): Promise<Answer> {
  const { hub, repo, query } = call;
  const sha = await commitOf(call);
  const all = hub.state.list("run", ({ repoId, headSha }) => repoId === repo.id && headSha === sha);
  const latest = [...new Map(all.map((run) => [`${run.suiteId}/${run.name}`, run])).values()];
  const wanted = (name: string, value: string): boolean => query.get(name) === null || query.get(name) === value;
  const runs = (query.get("filter") === "all" ? all : latest).filter(
    (run) => wanted("check_name", run.name) && wanted("status", run.status) && wanted("app_id", String(run.appId)),
  );
  return paged(
    call,
    runs.reverse(),
    (run) => runJson(hub, repo, run),
    (check_runs) => ({ total_count: runs.length, check_runs }),
  );
}

/** GitHub tells only the App that made the run. */
function rerequest(call: RepoCall): Answer | Promise<Answer> {
  const { hub, repo, viewer } = call;
  const run = runOf(call);
  if (run.appId === hub.options.app.id)
    hub.emit("check_run", repo, loginOf(hub, viewer), { action: "rerequested", check_run: runJson(hub, repo, run) });
  else
    hub.after(() =>
      hub.options.onRerequest?.({ owner: repo.owner, repo: repo.name, sha: run.headSha, name: run.name, id: run.id }),
    );
  return created({});
}

function pressButton(call: RepoCall): Answer | Promise<Answer> {
  const { hub, repo, viewer, params } = call;
  const run = runOf(call);
  const identifier = params["identifier"] ?? "";
  if (!run.actions.some((action) => action["identifier"] === identifier))
    throw notFound(`The check run ${repositoryHtml(hub, repo)}/runs/${run.id} has no button ${identifier}`);
  if (run.appId === hub.options.app.id)
    hub.emit("check_run", repo, loginOf(hub, viewer), {
      action: "requested_action",
      requested_action: { identifier },
      check_run: runJson(hub, repo, run),
    });
  return created({});
}
