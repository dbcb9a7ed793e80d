import { emailOf, pushCommitJson } from "./commits.ts";
import { accountJson, repositoryHtml } from "./serialize.ts";
import { suiteFor } from "./checks.ts";
import { type Git, NO_COMMIT } from "./git.ts";
import type { Json } from "./http.ts";
import type { Hub } from "./hub.ts";
import { changePull, closePull } from "./pulls.ts";
import type { Repo } from "./state.ts";

/** A ref that moved. All zeros: it was not there before, or is gone. */
export interface Move {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

const MOST_COMMITS = 20;

/** Everything GitHub does once refs have moved, by `git push`, by a merge or through the API. Call it inside `exclusive`. */
export async function afterMoves(hub: Hub, repoId: number, moves: readonly Move[], sender: string): Promise<void> {
  for (const move of moves) {
    const repo = hub.state.get("repo", repoId);
    if (repo === undefined || move.before === move.after) continue;
    const git = await hub.git(repo);
    const pushed = hub.state.put("repo", { ...repo, pushedAt: hub.now() });
    const type = move.ref.startsWith("refs/tags/") ? "tag" : "branch";
    const name = move.ref.replace(/^refs\/(heads|tags)\//, "");
    const born = { ref: name, ref_type: type, pusher_type: "user" };
    if (move.before === NO_COMMIT)
      hub.emit("create", pushed, sender, { ...born, master_branch: repo.defaultBranch, description: null });
    if (move.after === NO_COMMIT) hub.emit("delete", pushed, sender, born);
    hub.emit("push", pushed, sender, await pushPayload(hub, pushed, git, move, sender));
    if (type === "branch") await followBranch(hub, pushed, git, { ...move, ref: name }, sender);
    const push = { owner: repo.owner, repo: repo.name, ref: move.ref, sha: move.after, before: move.before };
    hub.after(() => hub.options.onPush?.(push));
  }
}

async function followBranch(
  hub: Hub,
  repo: Repo,
  git: Git,
  { ref, before, after }: Move,
  sender: string,
): Promise<void> {
  if (after !== NO_COMMIT)
    for (const app of [hub.options.ciApp, hub.options.app]) suiteFor(hub, repo, app.id, after, { branch: ref, before });

  for (const pull of hub.state.list(
    "pull",
    ({ state, head }) => state === "open" && head.repoId === repo.id && head.ref === ref,
  )) {
    if (after === NO_COMMIT) {
      await closePull(hub, pull, sender);
      continue;
    }
    const into = hub.state.get("repo", pull.repoId);
    if (into === undefined) continue;
    const base = await hub.git(into);
    if (into.id !== repo.id) await base.fetchFrom(git, after);
    await base.moveRef(`refs/pull/${pull.number}/head`, after);
    const tip = (await base.resolve(`refs/heads/${pull.base.ref}`)) ?? pull.base.sha;
    const change = { head: { ...pull.head, sha: after }, base: { ...pull.base, sha: tip } };
    await changePull(hub, pull, change, { action: "synchronize", sender, more: { before, after } });
  }

  // Commits that reach the base branch by a plain push merge their pull request too.
  for (const pull of hub.state.list(
    "pull",
    ({ state, repoId, base }) => state === "open" && repoId === repo.id && base.ref === ref,
  ))
    if (after !== NO_COMMIT && (await git.mergeBase(pull.head.sha, after)) === pull.head.sha)
      await closePull(hub, pull, sender, { at: hub.now(), by: sender, sha: after });
}

async function pushPayload(
  hub: Hub,
  repo: Repo,
  git: Git,
  { ref, before, after }: Move,
  sender: string,
): Promise<Json> {
  const created = before === NO_COMMIT;
  const deleted = after === NO_COMMIT;
  const tip = deleted ? null : await git.resolve(after);
  const base = created ? await git.resolve(`refs/heads/${repo.defaultBranch}`) : before;
  const fresh = tip === null || (created && base === tip) ? [] : await git.history(base === tip ? null : base, tip);
  const shape = async (sha: string): Promise<Json> => {
    const commit = await git.commit(sha);
    return pushCommitJson(hub, repo, commit, await git.changes(commit.parents[0] ?? null, sha));
  };
  const commits: Json[] = [];
  for (const sha of fresh.slice(0, MOST_COMMITS).toReversed()) commits.push(await shape(sha));
  return {
    ref,
    before,
    after,
    created,
    deleted,
    forced: !created && !deleted && (await git.mergeBase(before, after)) !== before,
    base_ref: null,
    compare: `${repositoryHtml(hub, repo)}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits,
    head_commit: tip === null ? null : await shape(tip),
    pusher: { name: String(accountJson(hub, sender)["login"]), email: emailOf(hub, sender) },
  };
}
