import type { BranchRules, RequiredContext } from "../core/checks.ts";
import type { Commit } from "../core/github.ts";
import { type RepoName, splitRepo } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import type { GitHub } from "./github.ts";
import type { Field } from "./github-field.ts";
import type { GitHubHttp } from "./github-http.ts";
import {
  parseBranch,
  parseChangedFile,
  parseCheckRun,
  parseCheckSuite,
  parseComparison,
  parseGitCommit,
  parsePermission,
  parsePullRequest,
  parseRepository,
  parseRule,
  parseStatus,
} from "./github-parse.ts";

const MAX_FILE_LENGTH = 1_000_000;
/** GitHub lists no more. https://docs.github.com/rest/pulls/pulls#list-pull-requests-files, /rest/commits/commits#compare-two-commits */
const MAX_PULL_FILES = 3000;
const MAX_COMPARED_FILES = 300;
const MAX_COMPARED_PAGES = 10;

export function readsOf(http: GitHubHttp) {
  return {
    repository: (repo) => http.get("GET /repos/{owner}/{repo}", splitRepo(repo), parseRepository),

    pullRequest: (repo, number) =>
      http.get(
        "GET /repos/{owner}/{repo}/pulls/{pull_number}",
        { ...splitRepo(repo), pull_number: number },
        parsePullRequest,
      ),

    openPullRequests: (repo) =>
      all(http.pages("GET /repos/{owner}/{repo}/pulls", { ...splitRepo(repo), state: "open" }, pullRequestList)),

    pullRequestsOf: (repo, sha) =>
      all(
        http.pages(
          "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
          { ...splitRepo(repo), commit_sha: sha },
          pullRequestList,
        ),
      ),

    async changedFiles(repo, number) {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/files";
      const changes = await all(http.pages(route, { ...splitRepo(repo), pull_number: number }, changedFileList));
      return { files: sortedUnique(changes.flat()), complete: changes.length < MAX_PULL_FILES };
    },

    async checks(repo, sha) {
      const at = { ...splitRepo(repo), ref: sha };
      const [runs, statuses, suites] = await Promise.all([
        all(
          http.pages("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", { ...at, filter: "latest" }, checkRunList),
        ),
        all(http.pages("GET /repos/{owner}/{repo}/commits/{ref}/status", at, statusList)),
        all(http.pages("GET /repos/{owner}/{repo}/commits/{ref}/check-suites", at, checkSuiteList)),
      ]);
      // A status that arrives between two pages shows its context twice; the newest says how things are.
      const newest = new Map(
        statuses.toSorted((a, b) => a.updatedAt - b.updatedAt).map((status) => [status.context, status]),
      );
      return { sha, runs, statuses: [...newest.values()].toSorted((a, b) => compare(a.context, b.context)), suites };
    },

    async branchRules(repo, branch) {
      const [protectedBranch, rules] = await Promise.all([
        readBranch(http, repo, branch),
        readRules(http, repo, branch),
      ]);
      if (protectedBranch === null) {
        throw new OutsideError({ code: "not-found", detail: `${repo} has no branch ${branch}`, retryable: false });
      }
      return mergeRules([...rules, { required: protectedBranch.required, workflows: [] }]);
    },

    branch: async (repo, branch) => (await readBranch(http, repo, branch))?.tip ?? null,

    commit: (repo, sha) =>
      http.get(
        "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
        { ...splitRepo(repo), commit_sha: sha },
        parseGitCommit,
      ),

    async compare(repo, base, head) {
      const route = "GET /repos/{owner}/{repo}/compare/{basehead}";
      const pages = http.pages(route, { ...splitRepo(repo), basehead: `${base}...${head}` }, parseComparison);
      const commits: Commit[] = [];
      try {
        const first = await pages.next();
        if (first.done === true) return null;
        const { status, aheadBy, behindBy, totalCommits, files } = first.value;
        commits.push(...first.value.commits);
        for (let n = 2; n <= MAX_COMPARED_PAGES; n++) {
          const page = await pages.next();
          if (page.done === true) break;
          commits.push(...page.value.commits);
        }
        const complete = commits.length >= totalCommits && files.length < MAX_COMPARED_FILES;
        return { status, aheadBy, behindBy, commits, files: sortedUnique(files.flat()), complete };
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },

    async file(repo, path, ref) {
      const at = { ...splitRepo(repo), path, ref, headers: { accept: "application/vnd.github.raw+json" } };
      const file = await http.get("GET /repos/{owner}/{repo}/contents/{path}", at, parseTextFile);
      if (file === null || file.kind === "text") return file?.text ?? null;
      throw new OutsideError({
        code: "invalid",
        detail: `${path} in ${repo} at ${ref} must be ${file.mustBe}`,
        retryable: false,
      });
    },

    async permission(repo, login) {
      const route = "GET /repos/{owner}/{repo}/collaborators/{username}/permission";
      return (await http.get(route, { ...splitRepo(repo), username: login }, parsePermission)) ?? "none";
    },
  } satisfies Partial<GitHub>;
}

// Lists under names: a conditional request serves what the same reader read before.
const pullRequestList = (page: Field) => page.list(parsePullRequest);
const changedFileList = (page: Field) => page.list(parseChangedFile);
const checkRunList = (page: Field) => page.at("check_runs").list(parseCheckRun);
const statusList = (page: Field) => page.at("statuses").list(parseStatus);
const checkSuiteList = (page: Field) => page.at("check_suites").list(parseCheckSuite);
const ruleList = (page: Field) => page.list(parseRule);

export async function all<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

const readBranch = (http: GitHubHttp, repo: RepoName, branch: string) =>
  http.get("GET /repos/{owner}/{repo}/branches/{branch}", { ...splitRepo(repo), branch }, parseBranch);

/** None where rulesets do not exist: on older servers, and on private repositories of a plan without them, GitHub answers 404 or this 403. */
async function readRules(http: GitHubHttp, repo: RepoName, branch: string): Promise<BranchRules[]> {
  try {
    return await all(
      http.pages("GET /repos/{owner}/{repo}/rules/branches/{branch}", { ...splitRepo(repo), branch }, ruleList),
    );
  } catch (error) {
    if (isNotFound(error)) return [];
    if (error instanceof OutsideError && error.problem.code === "forbidden" && /upgrade to github/i.test(error.message))
      return [];
    throw error;
  }
}

function mergeRules(rules: readonly BranchRules[]): BranchRules {
  const required = new Map<string, RequiredContext>();
  for (const context of rules.flatMap((rule) => rule.required)) {
    const key = `${context.context}\n${context.appId ?? "any"}`;
    if (!required.has(key)) required.set(key, context);
  }
  return {
    required: [...required.values()].toSorted(
      (a, b) => compare(a.context, b.context) || (a.appId ?? 0) - (b.appId ?? 0),
    ),
    workflows: sortedUnique(rules.flatMap((rule) => rule.workflows)),
  };
}

type TextFile =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "refused"; readonly mustBe: string };

/** The raw media type: text as it is, JSON only where the path is something else than a file. */
function parseTextFile({ value }: Field): TextFile {
  if (typeof value !== "string" && !(value instanceof ArrayBuffer)) {
    return { kind: "refused", mustBe: "a file, not a folder or a submodule" };
  }
  const length = typeof value === "string" ? value.length : value.byteLength;
  if (length > MAX_FILE_LENGTH) return { kind: "refused", mustBe: "at most 1 MB" };
  if (typeof value === "string") return { kind: "text", text: value };
  try {
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(value) };
  } catch {
    return { kind: "refused", mustBe: "text in UTF-8" };
  }
}

const isNotFound = (error: unknown): boolean => error instanceof OutsideError && error.problem.code === "not-found";

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const sortedUnique = (items: readonly string[]): string[] => [...new Set(items)].toSorted(compare);
