import type { PullRequest } from "../../src/core/github.ts";
import type { Sha } from "../../src/core/names.ts";
import { suiteFor } from "./github-checks.ts";
import type { Repo, World } from "./github-state.ts";
import { type Payload, pullJson } from "./github-webhooks.ts";

const NO_COMMIT = "0".repeat(40);

/**
 * Everything GitHub does once a branch has moved, by a push, a merge or a click; `after` null deletes it. Pull requests of the
 * branch follow it or close; those into it may have been merged by the push, or lose their base.
 */
export function moveBranch(world: World, repo: Repo, branch: string, after: Sha | null, by: string): void {
  const before = repo.branches.get(branch) ?? null;
  if (before === after) return;
  if (after === null) repo.branches.delete(branch);
  else repo.branches.set(branch, after);
  world.webhooks.emit(repo, "push", by, {
    ref: `refs/heads/${branch}`,
    before: before ?? NO_COMMIT,
    after: after ?? NO_COMMIT,
    created: before === null,
    deleted: after === null,
    forced: before !== null && after !== null && !repo.git.contains(after, before),
    commits: [],
  });
  // GitHub makes an empty suite for every App that may write checks, and only tells that App.
  if (after !== null && repo.installation !== null) suiteFor(world, repo, world.options.appId, after);
  for (const [into, pull] of openPulls(world)) {
    if (pull.head.repoId === repo.id && pull.head.ref === branch) followHead(world, into, pull, after, by);
    else if (into === repo && pull.base.ref === branch) followBase(world, repo, pull, after, by);
  }
  if (after !== null) world.ci.pushed(repo, branch, after);
}

/** A copy: what follows may close some of them. */
const openPulls = (world: World): [Repo, PullRequest][] =>
  [...world.repos.values()].flatMap((repo) =>
    [...repo.pulls.values()].flatMap((pull): [Repo, PullRequest][] => (pull.state === "open" ? [[repo, pull]] : [])),
  );

function followHead(world: World, into: Repo, pull: PullRequest, after: Sha | null, by: string): void {
  if (after === null) return void closePull(world, into, pull, by, null);
  const tip = into.branches.get(pull.base.ref) ?? pull.base.sha;
  const change = { head: { ...pull.head, sha: after }, base: { ...pull.base, sha: tip } };
  changePull(world, into, pull, change, "synchronize", by, { before: pull.head.sha, after });
  world.ci.pullMoved(into, pull.number);
}

function followBase(world: World, repo: Repo, pull: PullRequest, after: Sha | null, by: string): void {
  if (after !== null) {
    // Commits that reach the base branch by a plain push merge their pull request too.
    if (repo.git.contains(after, pull.head.sha)) closePull(world, repo, pull, by, after);
    return;
  }
  // Where the deleted branch was a merged pull request's own, what was stacked on it goes to that one's base.
  const merged = [...repo.pulls.values()].find(
    ({ merged, head }) => merged && head.repoId === repo.id && head.ref === pull.base.ref,
  );
  if (merged === undefined || merged.base.ref === pull.base.ref) closePull(world, repo, pull, by, null);
  else retargetPull(world, repo, pull, merged.base.ref, by);
}

export function retargetPull(world: World, repo: Repo, pull: PullRequest, ref: string, by: string): boolean {
  const sha = repo.branches.get(ref);
  if (sha === undefined || ref === pull.base.ref) return false;
  const changes = { base: { ref: { from: pull.base.ref }, sha: { from: pull.base.sha } } };
  changePull(world, repo, pull, { base: { ...pull.base, ref, sha } }, "edited", by, { changes });
  return true;
}

/** `mergeCommit` null: closed unmerged. */
export const closePull = (
  world: World,
  repo: Repo,
  pull: PullRequest,
  by: string,
  mergeCommit: Sha | null,
): PullRequest =>
  changePull(world, repo, pull, { state: "closed", merged: mergeCommit !== null, mergeCommit }, "closed", by);

/** Records what changed and tells it to our App. */
export function changePull(
  world: World,
  repo: Repo,
  before: PullRequest,
  change: Partial<PullRequest>,
  action: string,
  by: string,
  more: Payload = {},
): PullRequest {
  const pull = { ...before, ...change, updatedAt: world.now() };
  repo.pulls.set(pull.number, pull);
  world.webhooks.emit(repo, "pull_request", by, { action, number: pull.number, pull_request: pullJson(pull), ...more });
  return pull;
}
