import { loginOf } from "../auth.ts";
import { type Answer, created, invalid, notFound, ok, Refusal, unprocessable } from "../http.ts";
import { afterMoves } from "../refs.ts";
import { contextResults } from "../required.ts";
import { idOf, paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { identityOf } from "../commits.ts";
import { deploymentJson, deploymentStatusJson, repositoryHtml, repositoryUrl } from "../serialize.ts";
import type { Deployment, DeploymentStatus } from "../state.ts";

export const deploymentRoutes: readonly Route[] = [
  repoRoute("POST /deployments", "deployments:write", createDeployment),
  repoRoute("GET /deployments", "deployments:read", (call) => {
    const asked = (["sha", "ref", "task", "environment"] as const).map((name) => [name, call.query.get(name)] as const);
    const matches = (d: Deployment): boolean =>
      d.repoId === call.repo.id &&
      asked.every(([name, value]) => value === null || value === "none" || d[name] === value);
    return paged(call, call.hub.state.list("deployment", matches).reverse(), (deployment) =>
      deploymentJson(call.hub, call.repo, deployment),
    );
  }),
  repoRoute("GET /deployments/{id}", "deployments:read", (call) =>
    ok(deploymentJson(call.hub, call.repo, deploymentOf(call))),
  ),
  repoRoute("POST /deployments/{id}/statuses", "deployments:write", createDeploymentStatus),
  repoRoute("GET /deployments/{id}/statuses", "deployments:read", (call) =>
    paged(call, statusesOf(call, deploymentOf(call).id).reverse(), (status) =>
      deploymentStatusJson(call.hub, call.repo, status),
    ),
  ),
  repoRoute("GET /environments", "deployments:read", (call) => {
    const { hub, repo } = call;
    const all = hub.state.list("environment", ({ repoId }) => repoId === repo.id);
    const shape = ({ id, name, createdAt }: (typeof all)[number]): unknown => ({
      id,
      node_id: `EN_${id}`,
      name,
      url: `${repositoryUrl(hub, repo)}/environments/${name}`,
      html_url: `${repositoryHtml(hub, repo)}/deployments/${name}`,
      created_at: createdAt,
      updated_at: createdAt,
      protection_rules: [],
      deployment_branch_policy: null,
    });
    return paged(call, all, shape, (environments) => ({ total_count: all.length, environments }));
  }),
];

function deploymentOf(call: RepoCall): Deployment {
  const deployment = call.hub.state.get("deployment", idOf(call, "id"));
  if (deployment?.repoId !== call.repo.id) throw notFound();
  return deployment;
}

const statusesOf = ({ hub }: RepoCall, id: number): DeploymentStatus[] =>
  hub.state.list("deploymentStatus", ({ deploymentId }) => deploymentId === id);

/** With GitHub's traps: unless told otherwise it merges the default branch first, and refuses while any context is not green. */
async function createDeployment(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const ref = body.required("ref");
  const sha = await (await hub.git(repo)).resolve(ref);
  if (sha === null) throw unprocessable(`No ref found for: ${ref}`);
  if (body.flag("auto_merge") ?? true) {
    const merged = await autoMerge(call, ref, sha);
    if (merged)
      return { status: 202, body: { message: `Auto-merged ${repo.defaultBranch} into ${ref} on deployment.` } };
  }
  const contexts = contextResults(hub, repo, sha);
  const wanted = body.texts("required_contexts");
  const absent = (wanted ?? []).filter((name) => !contexts.some(({ context }) => context === name));
  const red = [
    ...contexts.filter(({ context, state }) => state !== "success" && (wanted?.includes(context) ?? true)),
    ...absent.map((context) => ({ context, state: "pending" })),
  ];
  if (red.length > 0) {
    const errors = [
      {
        contexts: red.map(({ context, state }) => ({ context, state })),
        resource: "Deployment",
        field: "required_contexts",
        code: "invalid",
      },
    ];
    throw new Refusal(409, `Conflict: Commit status checks failed for ${ref}.`, { body: { errors } });
  }
  const environment = body.text("environment") ?? "production";
  environmentNamed(call, environment);
  const author = loginOf(hub, viewer);
  const now = hub.now();
  const deployment = hub.state.put("deployment", {
    id: hub.state.nextId(),
    repoId: repo.id,
    sha,
    ref,
    task: body.text("task") ?? "deploy",
    payload: body.all["payload"] ?? {},
    environment,
    originalEnvironment: environment,
    description: body.text("description"),
    transient: body.flag("transient_environment") ?? false,
    production: body.flag("production_environment") ?? environment === "production",
    author,
    createdAt: now,
    updatedAt: now,
  });
  const shown = deploymentJson(hub, repo, deployment);
  hub.emit("deployment", repo, author, { action: "created", deployment: shown, workflow: null, workflow_run: null });
  return created(shown);
}

/** True: the branch was behind the default branch and has a merge commit now, so nothing was deployed. */
async function autoMerge({ hub, repo, viewer }: RepoCall, ref: string, sha: string): Promise<boolean> {
  const git = await hub.git(repo);
  const main = await git.resolve(`refs/heads/${repo.defaultBranch}`);
  const isBranch = (await git.refs("refs/heads")).has(`refs/heads/${ref}`);
  if (!isBranch || main === null || (await git.mergeBase(main, sha)) === main) return false;
  const tree = await git.merge(sha, main);
  if (tree === null) throw new Refusal(409, `Conflict merging ${repo.defaultBranch} into ${ref}.`);
  const by = identityOf(hub, viewer);
  const after = await git.createCommit({
    tree,
    parents: [sha, main],
    author: by,
    committer: by,
    message: `Auto-merged ${repo.defaultBranch} into ${ref} on deployment.`,
  });
  await git.moveRef(`refs/heads/${ref}`, after, sha);
  await afterMoves(hub, repo.id, [{ ref: `refs/heads/${ref}`, before: sha, after }], by.name);
  return true;
}

function environmentNamed({ hub, repo }: RepoCall, name: string): void {
  const known = hub.state.list(
    "environment",
    (environment) => environment.repoId === repo.id && environment.name === name,
  );
  if (known.length === 0)
    hub.state.put("environment", { id: hub.state.nextId(), repoId: repo.id, name, createdAt: hub.now() });
}

const STATES = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"] as const;

function createDeploymentStatus(call: RepoCall): Answer | Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const deployment = deploymentOf(call);
  const state = body.oneOf("state", STATES);
  const description = body.text("description") ?? "";
  if (state === null) throw invalid("DeploymentStatus", "state", "missing_field");
  if (description.length > 140)
    throw invalid("DeploymentStatus", "description", "custom", "description is too long (maximum is 140 characters)");
  const environment = body.text("environment") ?? deployment.environment;
  environmentNamed(call, environment);
  const author = loginOf(hub, viewer);
  const logUrl = body.text("log_url") ?? body.text("target_url") ?? "";
  const common = {
    description,
    environment,
    environmentUrl: body.text("environment_url") ?? "",
    logUrl,
    author,
    createdAt: hub.now(),
  };
  const status = hub.state.put("deploymentStatus", {
    id: hub.state.nextId(),
    deploymentId: deployment.id,
    state,
    ...common,
  });
  const current = hub.state.put("deployment", { ...deployment, environment, updatedAt: hub.now() });
  const shown = deploymentStatusJson(hub, repo, status);
  // GitHub sends no webhook for `inactive`.
  if (state !== "inactive")
    hub.emit("deployment_status", repo, author, {
      action: "created",
      deployment_status: shown,
      deployment: deploymentJson(hub, repo, current),
    });
  if (state === "success" && (body.flag("auto_inactive") ?? true)) inactivateEarlier(call, current, author);
  return created(shown);
}

/** Only earlier, successful deployments to the same environment that are neither transient nor production. */
function inactivateEarlier(call: RepoCall, newer: Deployment, author: string): void {
  const { hub, repo } = call;
  const candidates = hub.state.list(
    "deployment",
    (d) =>
      d.repoId === repo.id && d.id < newer.id && d.environment === newer.environment && !d.transient && !d.production,
  );
  for (const { id, environment } of candidates) {
    if (statusesOf(call, id).at(-1)?.state !== "success") continue;
    const common = { description: "", environment, environmentUrl: "", logUrl: "", author, createdAt: hub.now() };
    hub.state.put("deploymentStatus", { id: hub.state.nextId(), deploymentId: id, state: "inactive", ...common });
  }
}
