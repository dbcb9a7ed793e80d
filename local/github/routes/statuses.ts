import { loginOf } from "../auth.ts";
import { type Answer, created, invalid, unprocessable } from "../http.ts";
import { paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { commitJson } from "../commits.ts";
import { repositoryJson, repositoryUrl, statusJson } from "../serialize.ts";
import type { Status } from "../state.ts";

export const statusRoutes: readonly Route[] = [
  repoRoute("POST /statuses/{sha}", "statuses:write", createStatus),
  repoRoute("GET /commits/{ref...}/statuses", "statuses:read", async (call) =>
    paged(call, (await statusesOf(call)).statuses.reverse(), (status) => statusJson(call.hub, call.repo, status)),
  ),
  repoRoute("GET /commits/{ref...}/status", "statuses:read", combined),
];

async function createStatus({ hub, repo, body, params, viewer }: RepoCall): Promise<Answer> {
  const sha = params["sha"] ?? "";
  const git = await hub.git(repo);
  if ((await git.resolve(sha)) !== sha) throw unprocessable(`No commit found for SHA: ${sha}`);
  const state = body.oneOf("state", ["error", "failure", "pending", "success"]);
  if (state === null) throw invalid("Status", "state", "missing_field");
  const description = body.text("description");
  if ((description ?? "").length > 140)
    throw invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)");
  const context = body.text("context") ?? "default";
  const earlier = hub.state.list(
    "status",
    (s) => s.repoId === repo.id && s.sha === sha && s.context === context,
  ).length;
  if (earlier >= 1000)
    throw invalid("Status", "base", "custom", "This SHA and context has reached the maximum number of statuses.");
  const author = loginOf(hub, viewer);
  const target = body.text("target_url");
  const status = {
    id: hub.state.nextId(),
    repoId: repo.id,
    sha,
    context,
    state,
    description,
    targetUrl: target,
    author,
    createdAt: hub.now(),
  };
  hub.state.put("status", status);

  const branches = (await git.branchesWith(sha)).slice(0, 10).map(({ name, tip }) => ({
    name,
    commit: { sha: tip, url: `${repositoryUrl(hub, repo)}/commits/${tip}` },
    protected: false,
  }));
  const shown = statusJson(hub, repo, status);
  hub.emit("status", repo, author, {
    ...Object.fromEntries(
      ["id", "state", "description", "target_url", "context", "created_at", "updated_at", "avatar_url"].map((name) => [
        name,
        shown[name],
      ]),
    ),
    sha,
    name: `${repo.owner}/${repo.name}`,
    commit: commitJson(hub, repo, await git.commit(sha)),
    branches,
  });
  return created(shown);
}

async function statusesOf({ hub, repo, params }: RepoCall): Promise<{ sha: string; statuses: Status[] }> {
  const sha = await (await hub.git(repo)).resolve(params["ref"] ?? "");
  if (sha === null) throw unprocessable(`No commit found for SHA: ${params["ref"]}`);
  return { sha, statuses: hub.state.list("status", (status) => status.repoId === repo.id && status.sha === sha) };
}

/** The latest status of each context. Without any the combined state is `pending`, which is no verdict. */
async function combined(call: RepoCall): Promise<Answer> {
  const { hub, repo } = call;
  const { sha, statuses } = await statusesOf(call);
  const latest = [...new Map(statuses.map((status) => [status.context, status])).values()];
  const any = (...states: string[]): boolean => latest.some(({ state }) => states.includes(state));
  const state = any("failure", "error") ? "failure" : latest.length === 0 || any("pending") ? "pending" : "success";
  const url = repositoryUrl(hub, repo);
  return paged(
    call,
    latest,
    (status) => statusJson(hub, repo, status),
    (page) => ({
      state,
      statuses: page,
      sha,
      total_count: latest.length,
      repository: repositoryJson(hub, repo),
      commit_url: `${url}/commits/${sha}`,
      url: `${url}/commits/${sha}/status`,
    }),
  );
}
