import type { BranchRules, CommitChecks } from "../core/checks.ts";
import type { Permission } from "../core/config.ts";
import type {
  CheckRunBody,
  Commit,
  Comparison,
  DeploymentBody,
  DeploymentStatusBody,
  PullRequest,
  Repository,
  StatusBody,
} from "../core/github.ts";
import type { Millis, RepoName, Sha } from "../core/names.ts";

/**
 * One installation's view of GitHub. Reads answer null on 404 and throw `OutsideError` for the rest; lists follow every page.
 * Reads that GitHub answers with an ETag are conditional (a 304 costs no rate limit). Addressed by repository name; renames are
 * followed (301) and `repository()` says the present name.
 */
export interface GitHub {
  repository(repo: RepoName): Promise<Repository | null>;
  pullRequest(repo: RepoName, number: number): Promise<PullRequest | null>;
  openPullRequests(repo: RepoName): Promise<PullRequest[]>;
  changedFiles(repo: RepoName, number: number): Promise<{ files: string[]; complete: boolean }>;
  checks(repo: RepoName, sha: Sha): Promise<CommitChecks>;
  /** Rulesets of the branch and classic protection together; throws `not-found` where there is no such branch. */
  branchRules(repo: RepoName, branch: string): Promise<BranchRules>;
  /** The branch's tip; null: no such branch. */
  branch(repo: RepoName, branch: string): Promise<Commit | null>;
  commit(repo: RepoName, sha: Sha): Promise<Commit | null>;
  compare(repo: RepoName, base: Sha, head: Sha): Promise<Comparison | null>;
  /** A text file of at most 1 MB at a ref, through symlinks; null: 404. A folder or a submodule in its place throws `invalid`. */
  file(repo: RepoName, path: string, ref: string): Promise<string | null>;
  pullRequestsOf(repo: RepoName, sha: Sha): Promise<PullRequest[]>;
  permission(repo: RepoName, login: string): Promise<Permission | "none">;

  createStatus(repo: RepoName, sha: Sha, status: StatusBody): Promise<void>;
  createDeployment(repo: RepoName, body: DeploymentBody): Promise<{ id: number }>;
  /** The Deployment that carries `key` in its payload, for finding one whose id was lost with a crash. */
  findDeployment(repo: RepoName, sha: Sha, environment: string, key: string): Promise<{ id: number } | null>;
  createDeploymentStatus(repo: RepoName, id: number, body: DeploymentStatusBody): Promise<void>;
  createComment(repo: RepoName, number: number, body: string): Promise<{ id: number }>;
  /** `missing`: someone deleted it. */
  updateComment(repo: RepoName, id: number, body: string): Promise<"updated" | "missing">;
  /** Our comment with `marker` in its body, written by our App; null: none. */
  findComment(repo: RepoName, number: number, marker: string): Promise<{ id: number } | null>;
  react(repo: RepoName, commentId: number, reaction: "+1" | "-1" | "eyes" | "confused"): Promise<void>;
  createCheckRun(repo: RepoName, sha: Sha, body: CheckRunBody): Promise<{ id: number }>;
  updateCheckRun(repo: RepoName, id: number, body: CheckRunBody): Promise<"updated" | "missing">;
  findCheckRun(repo: RepoName, sha: Sha, name: string, externalId: string): Promise<{ id: number } | null>;
}

/** Text: GitHub's delivery ids have 64 bits, more than a number holds. */
export type DeliveryId = string;

/** What only the App itself, not an installation, can ask. */
export interface GitHubApp {
  installation(id: number): GitHub;
  /** Every installation, suspended ones too. */
  installations(): Promise<{ id: number; suspended: boolean }[]>;
  repositoriesOf(installation: number): Promise<Repository[]>;
  /** Deliveries of the last days that never once succeeded, newest first, back to `since`. */
  failedDeliveries(since: Millis): Promise<{ id: DeliveryId; guid: string; deliveredAt: Millis }[]>;
  redeliver(id: DeliveryId): Promise<void>;
}
