import { atLeast, loginOf, roleOf } from "../auth.ts";
import { type Answer, created, invalid, notFound, ok, Refusal, unprocessable } from "../http.ts";
import type { Git } from "../git.ts";
import { changePull, closePull, emitPull, findPull, fullPullJson, pullJson, withTestMerge } from "../pulls.ts";
import { afterMoves } from "../refs.ts";
import { requiredChecks, unmetChecks } from "../required.ts";
import { idOf, paged, type Call, type RepoCall, repoRoute, type Route, route } from "../router.ts";
import { commitJson, fileJson, identityOf } from "../commits.ts";
import type { Pull } from "../state.ts";

export const pullRoutes: readonly Route[] = [
  repoRoute("GET /pulls", "pull_requests:read", listPulls),
  repoRoute("POST /pulls", "pull_requests:write", createPull),
  repoRoute("GET /pulls/{number}", "pull_requests:read", async (call) =>
    ok(await fullPullJson(call.hub, pullOf(call))),
  ),
  repoRoute("PATCH /pulls/{number}", "pull_requests:write", updatePull),
  repoRoute("PUT /pulls/{number}/merge", "contents:write", mergePull),
  repoRoute("GET /pulls/{number}/files", "pull_requests:read", async (call) => {
    const { git, base, head } = await span(call);
    return paged(call, await git.changes(base, head), (change) => fileJson(call.hub, call.repo, head, change));
  }),
  repoRoute("GET /pulls/{number}/commits", "pull_requests:read", async (call) => {
    const { git, base, head } = await span(call);
    const shas = (await git.history(base, head)).toReversed();
    return paged(call, shas, async (sha) => commitJson(call.hub, call.repo, await git.commit(sha)));
  }),
  repoRoute("GET /commits/{sha}/pulls", "pull_requests:read", async (call) => {
    const git = await call.hub.git(call.repo);
    const sha = (await git.resolve(call.params["sha"] ?? "")) ?? "";
    if (sha === "") throw unprocessable(`No commit found for SHA: ${call.params["sha"]}`);
    const found: Pull[] = [];
    for (const pull of call.hub.state.list("pull", ({ repoId }) => repoId === call.repo.id)) {
      const base = await git.mergeBase(pull.base.sha, pull.head.sha);
      if (pull.merged?.sha === sha || (await git.history(base, pull.head.sha)).includes(sha)) found.push(pull);
    }
    return paged(call, found, (pull) => pullJson(call.hub, pull));
  }),
  /** Draft state changes through GraphQL alone; these two mutations are all of it that is served. */
  route("POST /graphql", "user", changeDraft),
];

function pullOf(call: RepoCall): Pull {
  const pull = findPull(call.hub, call.repo, idOf(call, "number"));
  if (pull === undefined) throw notFound();
  return pull;
}

async function span(call: RepoCall): Promise<{ git: Git; base: string | null; head: string }> {
  const pull = pullOf(call);
  const git = await call.hub.git(call.repo);
  return { git, base: await git.mergeBase(pull.base.sha, pull.head.sha), head: pull.head.sha };
}

function listPulls(call: RepoCall): Answer | Promise<Answer> {
  const { hub, repo, query } = call;
  const state = query.get("state") ?? "open";
  const head = query.get("head");
  const base = query.get("base");
  const matches = (pull: Pull): boolean =>
    pull.repoId === repo.id &&
    (state === "all" || pull.state === state) &&
    (head === null || head === `${pull.head.owner}:${pull.head.ref}`) &&
    (base === null || base === pull.base.ref);
  const by = query.get("sort") === "updated" ? (pull: Pull) => pull.updatedAt : (pull: Pull) => pull.createdAt;
  const oldestFirst = hub.state.list("pull", matches).sort((a, b) => by(a).localeCompare(by(b)) || a.id - b.id);
  return paged(call, query.get("direction") === "asc" ? oldestFirst : oldestFirst.reverse(), (pull) =>
    pullJson(hub, pull),
  );
}

async function createPull(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const [owner = "", ref = ""] = body.required("head").includes(":")
    ? body.required("head").split(":")
    : [repo.owner, body.required("head")];
  const from = hub.state.list(
    "repo",
    (r) => r.owner === owner && (r.id === repo.id || r.forkOf === repo.id || r.id === repo.forkOf),
  )[0];
  const source = from === undefined ? null : await hub.git(from);
  const git = await hub.git(repo);
  const sha = (await source?.resolve(`refs/heads/${ref}`)) ?? null;
  const base = await git.resolve(`refs/heads/${body.required("base")}`);
  if (from === undefined || source === null || sha === null) throw invalid("PullRequest", "head", "invalid");
  if (base === null) throw invalid("PullRequest", "base", "invalid");
  if (from.id !== repo.id) await git.fetchFrom(source, sha);
  if ((await git.mergeBase(sha, base)) === sha)
    throw invalid("PullRequest", "head", "custom", `No commits between ${body.required("base")} and ${ref}`);
  const taken = hub.state.list(
    "pull",
    (p) => p.repoId === repo.id && p.state === "open" && p.head.repoId === from.id && p.head.ref === ref,
  );
  if (taken.length > 0)
    throw invalid("PullRequest", "head", "custom", `A pull request already exists for ${owner}:${ref}.`);

  const number = repo.nextNumber;
  hub.state.put("repo", { ...repo, nextNumber: number + 1 });
  await git.moveRef(`refs/pull/${number}/head`, sha);
  const now = hub.now();
  const author = loginOf(hub, viewer);
  const pull = hub.state.put("pull", {
    id: hub.state.nextId(),
    repoId: repo.id,
    number,
    title: body.required("title"),
    body: body.text("body"),
    author,
    state: "open",
    draft: body.flag("draft") ?? false,
    labels: [],
    head: { repoId: from.id, owner, ref, sha },
    base: { ref: body.required("base"), sha: base },
    test: null,
    merged: null,
    createdAt: now,
    updatedAt: now,
    closedAt: null,
  });
  await emitPull(hub, pull, { action: "opened", sender: author });
  return created(await fullPullJson(hub, pull));
}

async function updatePull(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const sender = loginOf(hub, viewer);
  let pull = pullOf(call);
  if (viewer.kind === "user" && sender !== pull.author && !atLeast(roleOf(hub, sender, repo), "triage"))
    throw new Refusal(403, "Must have push access to Repository.");
  const git = await hub.git(repo);

  const title = body.text("title") ?? pull.title;
  const text = body.has("body") ? body.text("body") : pull.body;
  const ref = body.text("base") ?? pull.base.ref;
  const baseSha = ref === pull.base.ref ? pull.base.sha : await git.resolve(`refs/heads/${ref}`);
  if (baseSha === null) throw invalid("PullRequest", "base", "invalid");
  const changes = {
    ...(title === pull.title ? {} : { title: { from: pull.title } }),
    ...(text === pull.body ? {} : { body: { from: pull.body ?? "" } }),
    ...(ref === pull.base.ref ? {} : { base: { ref: { from: pull.base.ref }, sha: { from: pull.base.sha } } }),
  };
  if (Object.keys(changes).length > 0)
    pull = await changePull(
      hub,
      pull,
      { title, body: text, base: { ref, sha: baseSha } },
      { action: "edited", sender, more: { changes } },
    );

  const state = body.oneOf("state", ["open", "closed"]) ?? pull.state;
  if (state === "closed" && pull.state === "open") pull = await closePull(hub, pull, sender);
  else if (state === "open" && pull.state === "closed") {
    const from = hub.state.get("repo", pull.head.repoId);
    const sha = from === undefined ? null : await (await hub.git(from)).resolve(`refs/heads/${pull.head.ref}`);
    if (pull.merged !== null || sha === null)
      throw invalid(
        "PullRequest",
        "state",
        "invalid",
        "state cannot be changed. The pull request is merged or its branch is gone.",
      );
    if (from !== undefined && from.id !== repo.id) await git.fetchFrom(await hub.git(from), sha);
    await git.moveRef(`refs/pull/${pull.number}/head`, sha);
    pull = await changePull(
      hub,
      pull,
      { state: "open", closedAt: null, head: { ...pull.head, sha } },
      { action: "reopened", sender },
    );
  }
  return ok(await fullPullJson(hub, pull));
}

async function mergePull(call: RepoCall): Promise<Answer> {
  const { hub, repo, body, viewer } = call;
  const sender = loginOf(hub, viewer);
  const pull = await withTestMerge(hub, pullOf(call));
  const method = body.oneOf("merge_method", ["merge", "squash", "rebase"]) ?? "merge";
  if (pull.draft) throw new Refusal(405, "Pull Request is still a draft");
  if (pull.state === "closed" || pull.test === null || pull.test.sha === null)
    throw new Refusal(405, "Pull Request is not mergeable");
  if (body.has("sha") && body.text("sha") !== pull.head.sha)
    throw new Refusal(409, "Head branch was modified. Review and try the merge again.");
  const [unmet] = unmetChecks(hub, repo, pull.head.sha, requiredChecks(hub, repo, pull.base.ref));
  const bypasses = viewer.kind === "user" && roleOf(hub, sender, repo) === "admin";
  if (unmet !== undefined && !bypasses) throw new Refusal(405, `Required status check "${unmet.context}" is expected.`);

  const sha = await mergeCommit(call, pull, { ...pull.test, sha: pull.test.sha }, method);
  const git = await hub.git(repo);
  const ref = `refs/heads/${pull.base.ref}`;
  await git.moveRef(ref, sha, pull.test.base);
  await closePull(hub, pull, sender, { at: hub.now(), by: sender, sha });
  await afterMoves(hub, repo.id, [{ ref, before: pull.test.base, after: sha }], sender);
  return ok({ sha, merged: true, message: "Pull Request successfully merged" });
}

/** A merge commit, one squashed commit, or the last of the rebased ones. */
async function mergeCommit(
  { hub, repo, body, viewer }: RepoCall,
  pull: Pull,
  test: { base: string; head: string; sha: string },
  method: "merge" | "squash" | "rebase",
): Promise<string> {
  const git = await hub.git(repo);
  const author = identityOf(hub, viewer);
  const committer = { name: "GitHub", email: "noreply@github.com", at: author.at };
  if (method === "rebase") {
    const tip = await git.rebase(test.base, test.head, committer);
    if (tip === null) throw new Refusal(405, "This branch can't be rebased");
    return tip;
  }
  const fallback =
    method === "merge"
      ? { title: `Merge pull request #${pull.number} from ${pull.head.owner}/${pull.head.ref}`, text: pull.title }
      : { title: `${pull.title} (#${pull.number})`, text: pull.body ?? "" };
  const message =
    `${body.text("commit_title") ?? fallback.title}\n\n${body.text("commit_message") ?? fallback.text}`.trimEnd();
  const { tree } = await git.commit(test.sha);
  return git.createCommit({
    tree,
    parents: method === "merge" ? [test.base, test.head] : [test.base],
    author,
    committer,
    message,
  });
}

async function changeDraft({ hub, body, viewer }: Call): Promise<Answer> {
  const mutation = /convertPullRequestToDraft|markPullRequestReadyForReview/.exec(body.required("query"))?.[0];
  const named = JSON.stringify([body.required("query"), body.within("variables")?.all]);
  const id = Number(/PR_(\d+)/.exec(named)?.[1]);
  const pull = hub.state.get("pull", id);
  if (mutation === undefined || pull === undefined)
    throw new Refusal(
      501,
      "The local GitHub serves two GraphQL mutations: convertPullRequestToDraft and markPullRequestReadyForReview, with a pull request's node id",
    );
  const draft = mutation === "convertPullRequestToDraft";
  if (draft !== pull.draft)
    await changePull(
      hub,
      pull,
      { draft },
      { action: draft ? "converted_to_draft" : "ready_for_review", sender: loginOf(hub, viewer) },
    );
  return ok({ data: { [mutation]: { pullRequest: { id: `PR_${id}`, isDraft: draft } } } });
}
