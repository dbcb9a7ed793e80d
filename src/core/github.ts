import type { ConfigProblem } from "./config.ts";
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
  readonly base: {
    readonly ref: string;
    readonly sha: Sha;
    readonly repoId: RepoId;
    readonly repo: RepoName;
    readonly private: boolean;
  };
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

export interface StatusBody {
  readonly context: string;
  readonly state: "pending" | "success" | "failure" | "error";
  /** At most 140 characters. */
  readonly description: string;
  readonly targetUrl: string | null;
}

export interface DeploymentBody {
  readonly sha: Sha;
  readonly environment: string;
  readonly transient: boolean;
  readonly production: boolean;
  readonly task: "deploy" | "rollback";
  readonly description: string;
  /** Put into the payload as `{proa: key}`; how a lost id is found again. */
  readonly key: string;
}

export interface DeploymentStatusBody {
  readonly state: "queued" | "in_progress" | "success" | "failure" | "error" | "inactive";
  readonly description: string;
  readonly environmentUrl: string | null;
  readonly logUrl: string | null;
}

export interface CheckRunBody {
  readonly name: string;
  readonly externalId: string;
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion: "success" | "failure" | "neutral" | "cancelled" | "action_required" | null;
  readonly detailsUrl: string | null;
  readonly title: string;
  readonly summary: string;
  readonly text: string;
  /** Lines of `.proa.yml`. */
  readonly annotations: readonly (ConfigProblem & { readonly path: string })[];
  /** At most three; `identifier` at most 20 characters, `label` 20, `description` 40. */
  readonly actions: readonly { readonly label: string; readonly description: string; readonly identifier: string }[];
}
