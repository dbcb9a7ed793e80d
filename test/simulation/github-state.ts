import type { BranchRules, CheckRun, CheckSuite, CommitChecks, CommitStatus } from "../../src/core/checks.ts";
import type { Permission } from "../../src/core/config.ts";
import type { CheckRunBody, DeploymentBody, DeploymentStatusBody, PullRequest } from "../../src/core/github.ts";
import type { Digest, Millis, RepoId, RepoName, Sha } from "../../src/core/names.ts";
import type { Ci, CiHabits } from "./github-ci.ts";
import type { Git } from "./github-git.ts";
import type { Delivery, Webhooks } from "./github-webhooks.ts";
import type { Sim } from "./sim.ts";

export interface GitHubOptions {
  readonly appId: number;
  /** The kernel takes it from here: late, twice, never. It says how an attempt ended with `webhooks.answered`. */
  readonly deliver: (delivery: Delivery) => void;
  readonly pushImage: (image: string, tag: string, digest: Digest) => void;
  /** null: nobody reports and nothing is built but by a person's action. */
  readonly ci: CiHabits | null;
}

/** Its workflows' check runs carry this App's id, as GitHub Actions' do. */
export const CI_APP = 15_368;
export const PROA_BOT = "proa[bot]";

/** What every part of the model works on. */
export interface World {
  readonly sim: Sim;
  readonly options: GitHubOptions;
  readonly repos: Map<RepoId, Repo>;
  /** Present names, and former ones until another repository takes them: GitHub answers those with a redirect. */
  readonly names: Map<RepoName, Repo>;
  readonly installations: Map<number, Installation>;
  readonly webhooks: Webhooks;
  readonly ci: Ci;
  /** Everything our App wrote, in order. */
  readonly writes: Write[];
  nextId(): number;
  /** GitHub tells times in whole seconds. */
  now(): Millis;
}

export interface Installation {
  readonly id: number;
  readonly account: string;
  suspended: boolean;
}

export interface Repo {
  readonly id: RepoId;
  readonly owner: string;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly forkOf: Repo | null;
  readonly git: Git;
  readonly branches: Map<string, Sha>;
  /** Replaced whole at every change: what a reader was given stays as it was. */
  readonly pulls: Map<number, PullRequest>;
  readonly commits: Map<Sha, CommitMarks>;
  readonly comments: Map<number, Comment>;
  readonly runs: Map<number, Run>;
  readonly deployments: Map<number, Deployment>;
  /** By branch. */
  readonly rules: Map<string, BranchRules>;
  readonly people: Map<string, Permission>;
  readonly services: readonly Service[];
  /** Workflows that run for pull requests only leave the commits of the base branch without any check. */
  readonly checksOn: "push" | "pull_request";
  name: RepoName;
  archived: boolean;
  /** null: the App is not installed here. */
  installation: number | null;
  nextNumber: number;
}

/** What CI builds. */
export interface Service {
  readonly image: string;
  /** Its folder, `.` for the whole repository. */
  readonly path: string;
}

/** What people and Apps have said about one commit. */
export interface CommitMarks {
  readonly runs: Run[];
  readonly suites: Suite[];
  /** Append-only, as on GitHub. */
  readonly statuses: StatusRecord[];
  /** What readers are given; null: something changed since. */
  shown: CommitChecks | null;
}

export interface Suite {
  readonly id: number;
  readonly appId: number;
  readonly createdAt: Millis;
  updatedAt: Millis;
}

export interface Run {
  readonly id: number;
  readonly suite: Suite;
  readonly sha: Sha;
  /** Replaced at every change. */
  view: CheckRun;
  externalId: string;
  /** null: another App's, of which nobody asks more. */
  body: CheckRunBody | null;
}

export interface StatusRecord extends CommitStatus {
  readonly id: number;
  readonly by: string;
}

export interface Comment {
  readonly id: number;
  readonly number: number;
  readonly by: string;
  readonly createdAt: Millis;
  body: string;
  readonly reactions: string[];
}

export interface Deployment {
  readonly id: number;
  readonly body: DeploymentBody;
  readonly createdAt: Millis;
  /** Oldest first. */
  readonly statuses: (DeploymentStatusBody & { readonly at: Millis })[];
}

/** A request of ours that changes GitHub. A check run with many annotations takes several. */
export interface Write {
  readonly at: Millis;
  readonly installation: number;
  readonly repo: RepoId;
  readonly call: string;
  readonly requests: number;
}

export function marksOf(repo: Repo, sha: Sha): CommitMarks {
  const known = repo.commits.get(sha);
  if (known !== undefined) return known;
  const marks: CommitMarks = { runs: [], suites: [], statuses: [], shown: null };
  repo.commits.set(sha, marks);
  return marks;
}

/** A workflow that runs again adds to its commit's suite: the newest run of each name is the one that counts. */
export function latestRuns(runs: readonly Run[]): Run[] {
  return [...new Map(runs.map((run) => [`${run.suite.id}/${run.view.name}`, run])).values()];
}

const WORST_FIRST = ["failure", "timed_out", "cancelled", "action_required"];

/** A suite is what its newest runs say; one without runs stays queued for ever. */
export function suiteView(marks: CommitMarks, suite: Suite): CheckSuite {
  const runs = latestRuns(marks.runs.filter((run) => run.suite === suite)).map(({ view }) => view);
  const { id, appId, createdAt, updatedAt } = suite;
  const common = { id, appId, runs: runs.length, createdAt, updatedAt };
  if (runs.every(({ status }) => status === "queued")) return { ...common, status: "queued", conclusion: null };
  if (runs.some(({ status }) => status !== "completed")) return { ...common, status: "in_progress", conclusion: null };
  const worst = WORST_FIRST.find((conclusion) => runs.some((run) => run.conclusion === conclusion));
  return { ...common, status: "completed", conclusion: worst ?? "success" };
}

export const permissionOf = (repo: Repo, login: string): Permission | "none" =>
  login === repo.owner ? "admin" : (repo.people.get(login) ?? "none");

const ROLES: readonly (Permission | "none")[] = ["none", "read", "triage", "write", "maintain", "admin"];

export const mayAtLeast = (repo: Repo, login: string, needed: Permission): boolean =>
  ROLES.indexOf(permissionOf(repo, login)) >= ROLES.indexOf(needed);

export const shortOf = (sha: Sha): string => sha.slice(0, 7);
