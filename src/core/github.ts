import type { Millis, RepoId, RepoName, Sha } from "./names.ts";

/** What one pull request is now. `head.repoId` null: the fork is gone. */
export interface PullRequest {
  readonly number: number;
  readonly state: "open" | "closed";
  readonly merged: boolean;
  readonly mergeCommit: Sha | null;
  readonly draft: boolean;
  readonly title: string;
  readonly author: string;
  readonly labels: readonly string[];
  readonly head: { readonly sha: Sha; readonly ref: string; readonly repoId: RepoId | null };
  readonly base: { readonly ref: string; readonly sha: Sha; readonly repoId: RepoId; readonly repo: RepoName; readonly private: boolean };
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

export interface Commit {
  readonly sha: Sha;
  readonly tree: Sha;
  readonly parents: readonly Sha[];
  readonly message: string;
  readonly committedAt: Millis;
}

export interface Repository {
  readonly id: RepoId;
  readonly name: RepoName;
  readonly private: boolean;
  readonly archived: boolean;
  readonly defaultBranch: string;
}

/** `base...head` as GitHub compares them. `commits`: of head, not in base, oldest first, all pages up to `limit` pages. */
export interface Comparison {
  readonly status: "ahead" | "behind" | "identical" | "diverged";
  readonly aheadBy: number;
  readonly behindBy: number;
  readonly commits: readonly Commit[];
  readonly files: readonly string[];
  /** False where GitHub listed fewer files or commits than there are (300 files, 250 commits a page). */
  readonly complete: boolean;
}
