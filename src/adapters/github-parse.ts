import type { BranchRules, CheckRun, CheckSuite, CommitStatus, RequiredContext } from "../core/checks.ts";
import type { Permission } from "../core/config.ts";
import type { Commit, PullRequest, Repository } from "../core/github.ts";
import { parseRepoId, parseRepoName, parseSha, type RepoId, type RepoName, type Sha } from "../core/names.ts";
import type { DeliveryId } from "./github.ts";
import type { Field } from "./github-field.ts";

const sha = (field: Field): Sha => field.as(parseSha, "a full commit id");
const repoId = (field: Field): RepoId => field.as(parseRepoId, "a repository id");
const repoName = (field: Field): RepoName => field.as(parseRepoName, "owner/name");

export function parseRepository(reply: Field): Repository {
  return {
    id: repoId(reply.at("id")),
    name: repoName(reply.at("full_name")),
    private: reply.at("private").boolean(),
    archived: reply.at("archived").orNull((archived) => archived.boolean()) ?? false,
    defaultBranch: reply.at("default_branch").string(),
  };
}

/** Of a single pull request and of lists, which carry no `merged`: `merged_at` says it in both. */
export function parsePullRequest(reply: Field): PullRequest {
  const head = reply.at("head");
  const base = reply.at("base");
  const merged = reply.at("merged_at").orNull((at) => at.time()) !== null;
  return {
    number: reply.at("number").integer(),
    state: reply.at("state").oneOf("open", "closed"),
    merged,
    // Until the merge this field names a test merge commit that must never be deployed.
    mergeCommit: merged ? reply.at("merge_commit_sha").orNull(sha) : null,
    draft: reply.at("draft").orNull((draft) => draft.boolean()) ?? false,
    title: reply.at("title").string(),
    // GitHub's own name for the author of a deleted account.
    author: reply.at("user").orNull((user) => user.at("login").string()) ?? "ghost",
    labels: reply.at("labels").list((label) => label.at("name").string()),
    head: {
      sha: sha(head.at("sha")),
      ref: head.at("ref").string(),
      repoId: head.at("repo").orNull((repo) => repoId(repo.at("id"))),
    },
    base: {
      ref: base.at("ref").string(),
      sha: sha(base.at("sha")),
      repoId: repoId(base.at("repo").at("id")),
      repo: repoName(base.at("repo").at("full_name")),
      private: base.at("repo").at("private").boolean(),
    },
    createdAt: reply.at("created_at").time(),
    updatedAt: reply.at("updated_at").time(),
  };
}

/** `GET /git/commits/{sha}`: the git object itself. */
export function parseGitCommit(reply: Field): Commit {
  return { sha: sha(reply.at("sha")), ...commitBody(reply), parents: parents(reply) };
}

/** A commit as branches and comparisons show it: the git object sits under `commit`. */
export function parseCommit(reply: Field): Commit {
  return { sha: sha(reply.at("sha")), ...commitBody(reply.at("commit")), parents: parents(reply) };
}

const parents = (reply: Field): Sha[] => reply.at("parents").list((parent) => sha(parent.at("sha")));

function commitBody(git: Field): Pick<Commit, "tree" | "message" | "committedAt"> {
  return {
    tree: sha(git.at("tree").at("sha")),
    message: git.at("message").string(),
    committedAt: git.at("committer").at("date").time(),
  };
}

/** The names a change touches: a rename touches the folder it left as well. */
export function parseChangedFile(reply: Field): string[] {
  return [reply.at("filename").string(), ...(reply.at("previous_filename").orNull((name) => [name.string()]) ?? [])];
}

export function parseComparison(reply: Field) {
  return {
    status: reply.at("status").oneOf("ahead", "behind", "identical", "diverged"),
    aheadBy: reply.at("ahead_by").integer(),
    behindBy: reply.at("behind_by").integer(),
    totalCommits: reply.at("total_commits").integer(),
    commits: reply.at("commits").list(parseCommit),
    // Only the first page lists files.
    files: reply.at("files").orNull((files) => files.list(parseChangedFile)) ?? [],
  };
}

/** An app that was deleted leaves checks without one; 0 is no app's id, so such a check satisfies no rule that names an app. */
const appId = (reply: Field): number => reply.at("app").orNull((app) => app.at("id").integer()) ?? 0;

export function parseCheckRun(reply: Field): CheckRun {
  return {
    id: reply.at("id").integer(),
    name: reply.at("name").string(),
    appId: appId(reply),
    status: reply.at("status").string(),
    conclusion: reply.at("conclusion").orNull((conclusion) => conclusion.string()),
    startedAt: reply.at("started_at").orNull((at) => at.time()),
    completedAt: reply.at("completed_at").orNull((at) => at.time()),
    url:
      reply.at("html_url").orNull((url) => url.string()) ?? reply.at("details_url").orNull((url) => url.string()) ?? "",
  };
}

export function parseCheckSuite(reply: Field): CheckSuite {
  return {
    id: reply.at("id").integer(),
    appId: appId(reply),
    // Null for suites that GitHub made and nobody reported to.
    status: reply.at("status").orNull((status) => status.string()) ?? "queued",
    conclusion: reply.at("conclusion").orNull((conclusion) => conclusion.string()),
    runs: reply.at("latest_check_runs_count").integer(),
    createdAt: reply.at("created_at").time(),
    updatedAt: reply.at("updated_at").time(),
  };
}

export function parseStatus(reply: Field): CommitStatus {
  return {
    context: reply.at("context").string(),
    state: reply.at("state").string(),
    description: reply.at("description").orNull((description) => description.string()) ?? "",
    updatedAt: reply.at("updated_at").time(),
    url: reply.at("target_url").orNull((url) => url.string()) ?? "",
  };
}

/** One active rule of a branch; most types say nothing about checks. */
export function parseRule(reply: Field): BranchRules {
  const parameters = reply.at("parameters");
  switch (reply.at("type").string()) {
    case "required_status_checks":
      return {
        required: parameters.at("required_status_checks").list((check) => ({
          context: check.at("context").string(),
          appId: anyAppIsNull(check.at("integration_id")),
          source: "ruleset",
        })),
        workflows: [],
      };
    case "workflows":
      return { required: [], workflows: parameters.at("workflows").list((workflow) => workflow.at("path").string()) };
    default:
      return { required: [], workflows: [] };
  }
}

export interface Branch {
  readonly tip: Commit;
  readonly required: readonly RequiredContext[];
}

/** With classic protection as far as `contents: read` shows it. */
export function parseBranch(reply: Field): Branch {
  const classic = reply
    .at("protection")
    .orNull((protection) => protection.at("required_status_checks").orNull(parseProtection));
  return { tip: parseCommit(reply.at("commit")), required: classic ?? [] };
}

function parseProtection(reply: Field): RequiredContext[] {
  const checks = reply
    .at("checks")
    .orNull((list) =>
      list.list((check) => ({ context: check.at("context").string(), appId: anyAppIsNull(check.at("app_id")) })),
    );
  // `contexts` repeats the names of `checks`, and is all there is on older servers.
  const names = reply.at("contexts").orNull((list) => list.list((context) => context.string())) ?? [];
  const named = new Set(checks?.map((check) => check.context));
  return [
    ...(checks ?? []),
    ...names.filter((name) => !named.has(name)).map((context) => ({ context, appId: null })),
  ].map((check) => ({ ...check, source: "protection" }));
}

/** -1 and null both mean that any app may report the check. */
const anyAppIsNull = (id: Field): number | null => {
  const value = id.orNull((field) => field.integer());
  return value === -1 ? null : value;
};

/** `role_name` knows triage and maintain, and custom roles, for which only the coarse `permission` means something. */
export function parsePermission(reply: Field): Permission | "none" {
  const role = reply.at("role_name").orNull((name) => name.string());
  const known = (["read", "triage", "write", "maintain", "admin"] as const).find((name) => name === role);
  return known ?? reply.at("permission").oneOf("read", "write", "admin", "none");
}

/** Whether our App wrote it. Without `performed_via_github_app` the name of its bot user says so. */
export function isWrittenBy(app: { readonly id: number; readonly slug: string }, author: "user" | "creator") {
  return (reply: Field): boolean => {
    const via = reply.at("performed_via_github_app").orNull((field) => field.at("id").integer());
    return via === null
      ? reply.at(author).orNull((user) => user.at("login").string()) === `${app.slug}[bot]`
      : via === app.id;
  };
}

export interface Delivery {
  readonly id: DeliveryId;
  readonly guid: string;
  readonly deliveredAt: number;
  readonly ok: boolean;
}

export function parseDelivery(reply: Field): Delivery {
  const id = reply.at("id");
  // Octokit reads what is too large for a number as a bigint. https://github.com/octokit/request.js/issues/797
  const status = reply.at("status_code").orNull((code) => code.integer()) ?? 0;
  return {
    id: typeof id.value === "bigint" ? `${id.value}` : `${id.integer()}`,
    guid: reply.at("guid").string(),
    deliveredAt: reply.at("delivered_at").time(),
    ok: status >= 200 && status < 300,
  };
}
