import type { PullRequest } from "../../src/core/github.ts";
import type { Digest, Millis, RepoId, Sha } from "../../src/core/names.ts";
import { contextPassed } from "./github-checks.ts";
import type { Built } from "./github-ci.ts";
import {
  type Comment,
  type Deployment,
  PROA_BOT,
  type Repo,
  type Run,
  type StatusRecord,
  type World,
  type Write,
} from "./github-state.ts";
import type { Attempt } from "./github-webhooks.ts";

/** How things really are, past every permission and every stale answer: what invariants are judged by. */
export interface Truth {
  repositories(): Repo[];
  repository(id: RepoId): Repo | null;
  pulls(repo: Repo): PullRequest[];
  openPulls(repo: Repo): PullRequest[];
  tip(repo: Repo, branch: string): Sha | null;
  /** The branch's own history, the tip first. */
  firstParents(repo: Repo, branch: string): Sha[];
  /** Whether `base` is `head` or one of its ancestors. */
  contains(repo: Repo, head: Sha, base: Sha): boolean;
  file(repo: Repo, path: string, ref: string): string | null;
  /** How the reports under this name stand: every one has passed, or one has not (yet); null: there is none. */
  contextPassed(repo: Repo, sha: Sha, context: string): boolean | null;
  /** Oldest first; all contexts, or one. */
  statuses(repo: Repo, sha: Sha, context?: string): StatusRecord[];
  /** Every commit that has a status, in the order of their first. */
  commitsWithStatus(repo: Repo): Sha[];
  checkRuns(repo: Repo, sha: Sha): readonly Run[];
  comments(repo: Repo, number: number): Comment[];
  ourComments(repo: Repo, number: number): Comment[];
  deployments(repo: Repo): Deployment[];
  /** Made by this CI; null: by somebody else. */
  built(digest: Digest): Built | null;
  attempts(): readonly Attempt[];
  writes(): readonly Write[];
  /** The most requests of an installation that fall into any window of this length. */
  busiest(windowMs: Millis, installation?: number): { from: Millis; requests: number };
}

export function truthOf(world: World): Truth {
  const shaOf = (repo: Repo, ref: string): Sha | null =>
    repo.branches.get(ref) ?? (repo.git.commit(ref as Sha) === null ? null : (ref as Sha));

  const truth: Truth = {
    repositories: () => [...world.repos.values()],
    repository: (id) => world.repos.get(id) ?? null,
    pulls: (repo) => [...repo.pulls.values()],
    openPulls: (repo) => [...repo.pulls.values()].filter(({ state }) => state === "open"),
    tip: (repo, branch) => repo.branches.get(branch) ?? null,
    firstParents(repo, branch) {
      const tip = repo.branches.get(branch);
      return tip === undefined ? [] : repo.git.firstParents(tip);
    },
    contains: (repo, head, base) => repo.git.contains(head, base),
    file(repo, path, ref) {
      const sha = shaOf(repo, ref);
      return sha === null ? null : (repo.git.files(sha).get(path) ?? null);
    },
    contextPassed: (repo, sha, context) => contextPassed(repo, sha, context, null),
    statuses: (repo, sha, context) =>
      (repo.commits.get(sha)?.statuses ?? []).filter((status) => context === undefined || status.context === context),
    commitsWithStatus: (repo) =>
      [...repo.commits].filter(([, { statuses }]) => statuses.length > 0).map(([sha]) => sha),
    checkRuns: (repo, sha) => repo.commits.get(sha)?.runs ?? [],
    comments: (repo, number) => [...repo.comments.values()].filter((comment) => comment.number === number),
    ourComments: (repo, number) => truth.comments(repo, number).filter(({ by }) => by === PROA_BOT),
    deployments: (repo) => [...repo.deployments.values()],
    built: (digest) => world.ci.built(digest),
    attempts: () => world.webhooks.attempts(),
    writes: () => world.writes,
    busiest: (windowMs, installation) =>
      busiest(
        world.writes.filter((write) => installation === undefined || write.installation === installation),
        windowMs,
      ),
  };
  return truth;
}

/** Writes are in the order of time, so one window slides over them. */
function busiest(writes: readonly Write[], windowMs: Millis): { from: Millis; requests: number } {
  let most = { from: 0, requests: 0 };
  let requests = 0;
  let first = 0;
  for (const write of writes) {
    requests += write.requests;
    for (let oldest = writes[first]; oldest !== undefined && oldest.at <= write.at - windowMs; oldest = writes[++first])
      requests -= oldest.requests;
    if (requests > most.requests) most = { from: writes[first]?.at ?? write.at, requests };
  }
  return most;
}
