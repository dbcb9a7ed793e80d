import { NO_COMMIT } from "../git.ts";
import { type Answer, created, type Json, noContent, notFound, ok, unprocessable } from "../http.ts";
import { afterMoves } from "../refs.ts";
import { protectionOf } from "../required.ts";
import { paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { commitJson, fileJson, gitObjectJson } from "../commits.ts";
import { repositoryHtml, repositoryUrl } from "../serialize.ts";
import { loginOf } from "../auth.ts";

export const commitRoutes: readonly Route[] = [
  repoRoute("GET /compare/{basehead...}", "contents:read", compare),
  repoRoute("GET /commits", "contents:read", listCommits),
  repoRoute("GET /branches", "contents:read", async (call) => {
    const { hub, repo, query } = call;
    const branches = [...(await (await hub.git(repo)).refs())].map(([ref, sha]) => ({
      name: ref.slice("refs/heads/".length),
      sha,
    }));
    const listed = branches.filter(
      ({ name }) => query.get("protected") !== "true" || protectionOf(hub, repo, name) !== undefined,
    );
    return paged(call, listed, ({ name, sha }) => ({
      name,
      commit: { sha, url: `${repositoryUrl(hub, repo)}/commits/${sha}` },
      protected: protectionOf(hub, repo, name) !== undefined,
    }));
  }),
  repoRoute("GET /branches/{branch...}", "contents:read", readBranch),
  repoRoute("GET /git/commits/{sha}", "contents:read", async ({ hub, repo, params }) => {
    const git = await hub.git(repo);
    const sha = await git.resolve(params["sha"] ?? "");
    if (sha === null) throw notFound();
    return ok(gitObjectJson(hub, repo, await git.commit(sha)));
  }),
  repoRoute("POST /git/refs", "contents:write", createRef),
  repoRoute("GET /git/ref/{ref...}", "contents:read", async (call) =>
    ok(refJson(call, `refs/${call.params["ref"]}`, await refAt(call))),
  ),
  repoRoute("PATCH /git/refs/{ref...}", "contents:write", updateRef),
  repoRoute("DELETE /git/refs/{ref...}", "contents:write", deleteRef),
  // The last: a branch name in the path may contain slashes.
  repoRoute("GET /commits/{ref...}", "contents:read", readCommit),
];

async function compare(call: RepoCall): Promise<Answer> {
  const { hub, repo, params } = call;
  const [from = "", to = ""] = (params["basehead"] ?? "").split("...");
  const git = await hub.git(repo);
  // `owner:branch` names another repository of the network; its commits are here once a pull request brought them.
  const [base, head] = await Promise.all([from, to].map((name) => git.resolve(name.replace(/^[^:/]+:/, ""))));
  const middle = base && head ? await git.mergeBase(base, head) : null;
  if (!base || !head || middle === null) throw notFound();
  const ahead = (await git.history(base, head)).toReversed();
  const behind = await git.history(head, base);
  const changes = await git.changes(middle, head);
  const status =
    ahead.length === 0 ? (behind.length === 0 ? "identical" : "behind") : behind.length === 0 ? "ahead" : "diverged";
  const shape = async (sha: string): Promise<Json> => commitJson(hub, repo, await git.commit(sha));
  const url = `${repositoryUrl(hub, repo)}/compare/${params["basehead"]}`;
  const html = `${repositoryHtml(hub, repo)}/compare/${params["basehead"]}`;
  const around = { base_commit: await shape(base), merge_base_commit: await shape(middle) };
  // Commits are paged, 250 without a page size; files, at most 300, come with the first page.
  if (!call.query.has("per_page")) call.query.set("per_page", "100");
  const first = Number(call.query.get("page") ?? 1) <= 1;
  return paged(call, ahead, shape, (commits) => ({
    url,
    html_url: html,
    permalink_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    ...around,
    status,
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    commits,
    files: first ? changes.slice(0, 300).map((change) => fileJson(hub, repo, head, change)) : [],
  }));
}

async function listCommits(call: RepoCall): Promise<Answer> {
  const { hub, repo, query } = call;
  const git = await hub.git(repo);
  const sha = await git.resolve(query.get("sha") ?? repo.defaultBranch);
  if (sha === null) throw notFound();
  return paged(call, await git.history(null, sha), async (each) => commitJson(hub, repo, await git.commit(each)));
}

async function readCommit({ hub, repo, params, accept }: RepoCall): Promise<Answer> {
  const git = await hub.git(repo);
  const sha = await git.resolve(params["ref"] ?? "");
  if (sha === null) throw unprocessable(`No commit found for SHA: ${params["ref"]}`);
  if (accept.includes("sha"))
    return {
      status: 200,
      body: Buffer.from(sha),
      headers: { "content-type": "application/vnd.github.sha; charset=utf-8" },
    };
  const commit = await git.commit(sha);
  const changes = await git.changes(commit.parents[0] ?? null, sha);
  const sum = (key: "additions" | "deletions"): number => changes.reduce((total, change) => total + change[key], 0);
  const stats = {
    additions: sum("additions"),
    deletions: sum("deletions"),
    total: sum("additions") + sum("deletions"),
  };
  return ok({
    ...commitJson(hub, repo, commit),
    stats,
    files: changes.map((change) => fileJson(hub, repo, sha, change)),
  });
}

/** `protection` is the partial view that reading contents is enough for. */
async function readBranch({ hub, repo, params }: RepoCall): Promise<Answer> {
  const name = params["branch"] ?? "";
  const git = await hub.git(repo);
  const sha = await git.resolve(`refs/heads/${name}`);
  if (sha === null) throw notFound("Branch not found");
  const protection = protectionOf(hub, repo, name);
  const checks = protection?.checks?.checks ?? [];
  const url = `${repositoryUrl(hub, repo)}/branches/${name}`;
  return ok({
    name,
    commit: commitJson(hub, repo, await git.commit(sha)),
    _links: { self: url, html: `${repositoryHtml(hub, repo)}/tree/${name}` },
    protected: protection !== undefined,
    protection: {
      enabled: protection !== undefined,
      required_status_checks: {
        enforcement_level: checks.length === 0 ? "off" : protection?.enforceAdmins ? "everyone" : "non_admins",
        contexts: checks.map(({ context }) => context),
        checks: checks.map(({ context, appId }) => ({ context, app_id: appId })),
      },
    },
    protection_url: `${url}/protection`,
  });
}

async function refAt({ hub, repo, params }: RepoCall): Promise<string> {
  const ref = `refs/${params["ref"]}`;
  const sha = (await (await hub.git(repo)).refs(ref)).get(ref);
  if (sha === undefined) throw notFound();
  return sha;
}

const refJson = ({ hub, repo }: RepoCall, ref: string, sha: string): Json => ({
  ref,
  node_id: `REF_${Buffer.from(ref).toString("base64url")}`,
  url: `${repositoryUrl(hub, repo)}/git/${ref}`,
  object: { type: "commit", sha, url: `${repositoryUrl(hub, repo)}/git/commits/${sha}` },
});

async function createRef(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const ref = body.required("ref");
  const sha = body.required("sha");
  const git = await hub.git(repo);
  if (!/^refs\/(heads|tags)\/[^\s~^:?*[\\]+$/.test(ref) || ref.includes(".."))
    throw unprocessable("Reference name must start with 'refs/' and contain at least two slashes.");
  if ((await git.refs(ref)).has(ref)) throw unprocessable("Reference already exists");
  if ((await git.resolve(sha)) !== sha) throw unprocessable("Object does not exist");
  await git.moveRef(ref, sha);
  await afterMoves(hub, repo.id, [{ ref, before: NO_COMMIT, after: sha }], loginOf(hub, viewer));
  return created(refJson(call, ref, sha));
}

async function updateRef(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, params, viewer } = call;
  const ref = `refs/${params["ref"]}`;
  const before = await refAt(call);
  const after = body.required("sha");
  const git = await hub.git(repo);
  if ((await git.resolve(after)) !== after) throw unprocessable("Object does not exist");
  if (body.flag("force") !== true && (await git.mergeBase(before, after)) !== before)
    throw unprocessable("Update is not a fast forward");
  await git.moveRef(ref, after, before);
  await afterMoves(hub, repo.id, [{ ref, before, after }], loginOf(hub, viewer));
  return ok(refJson(call, ref, after));
}

async function deleteRef(call: RepoCall): Promise<Answer> {
  const { hub, repo, params, viewer } = call;
  const ref = `refs/${params["ref"]}`;
  const before = await refAt(call).catch(() => {
    throw unprocessable("Reference does not exist");
  });
  if (ref === `refs/heads/${repo.defaultBranch}`) throw unprocessable("Cannot delete the default branch");
  await (await hub.git(repo)).moveRef(ref, null, before);
  await afterMoves(hub, repo.id, [{ ref, before, after: NO_COMMIT }], loginOf(hub, viewer));
  return noContent;
}
