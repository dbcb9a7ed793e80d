import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Octokit } from "@octokit/rest";
import { type Variant, variants } from "../../local/seed/variants.ts";

/** What to commit: a kind of version of the shop, or files by path (`null` deletes one). */
export type Version = Variant | Readonly<Record<string, string | null>>;

export interface NewPull {
  readonly branch: string;
  readonly version?: Version;
  readonly base?: string;
  readonly draft?: boolean;
  readonly title?: string;
}

export interface OpenPull {
  readonly number: number;
  readonly branch: string;
  readonly sha: string;
}

/** Somebody who works in one repository, with git and GitHub's REST API and nothing else. */
export interface Person {
  readonly login: string;
  readonly octokit: Octokit;
  /** Commits on a new branch and opens a pull request of it. */
  openPullRequest(pull: NewPull): Promise<OpenPull>;
  /** One commit on top of a branch that exists (or, with `from`, on a new one); answers its id. */
  push(branch: string, version: Version, from?: string): Promise<string>;
  /** The branch's commits are replaced by one on top of `base`. */
  forcePush(branch: string, version: Version, base?: string): Promise<string>;
  deleteBranch(branch: string): Promise<void>;
  /** Answers the commit on the base branch. */
  merge(number: number, method?: "merge" | "squash" | "rebase"): Promise<string>;
  close(number: number): Promise<void>;
  reopen(number: number): Promise<void>;
  retarget(number: number, base: string): Promise<void>;
  setDraft(number: number, draft: boolean): Promise<void>;
  label(number: number, name: string): Promise<void>;
  unlabel(number: number, name: string): Promise<void>;
  comment(number: number, text: string): Promise<number>;
  /** Presses a button of the newest check run of that name. */
  pressButton(sha: string, check: string, identifier: string): Promise<void>;
  /** "Re-run" on the newest check run of that name. */
  rerequest(sha: string, check: string): Promise<void>;
  /** Runs git in this person's clone. */
  git(...args: readonly string[]): Promise<string>;
}

export interface PersonOptions {
  readonly login: string;
  readonly token: string;
  readonly owner: string;
  readonly repo: string;
  readonly url: string;
  /** Where the clone goes. */
  readonly dir: string;
  /** Makes the version numbers of one world differ. */
  readonly nextVersion: () => number;
}

export function createPerson({ login, token, owner, repo, url, dir, nextVersion }: PersonOptions): Person {
  const octokit = new Octokit({ baseUrl: `${url}/api/v3`, auth: token, log: SILENT });
  const clone = join(dir, `${login}-${owner}-${repo}`);
  const at = { owner, repo };
  let cloned = false;
  // One after the other: all of them share one working tree.
  let tail: Promise<unknown> = Promise.resolve();

  async function run(cwd: string, args: readonly string[]): Promise<string> {
    const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
    const environment = {
      ...GIT,
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "http.extraHeader",
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
      GIT_AUTHOR_NAME: login,
      GIT_COMMITTER_NAME: login,
    };
    const { stdout } = await promisify(execFile)("git", [...args], { cwd, env: environment });
    return stdout.trim();
  }

  function alone<T>(work: (git: (...args: readonly string[]) => Promise<string>) => Promise<T>): Promise<T> {
    const mine = tail.then(async () => {
      if (!cloned) {
        mkdirSync(dir, { recursive: true });
        await run(dir, ["clone", "--quiet", `${url}/git/${owner}/${repo}.git`, clone]);
        cloned = true;
      }
      return work((...args) => run(clone, args));
    });
    tail = mine.catch(() => undefined);
    return mine;
  }

  /** @param from the commit's parent, a branch of the remote */
  function commit(
    branch: string,
    version: Version,
    { from, force }: { from: string; force: boolean },
  ): Promise<string> {
    return alone(async (git) => {
      await git("fetch", "--quiet", "--prune", "origin");
      await git("checkout", "--quiet", "-B", branch, `origin/${from}`);
      const n = nextVersion();
      for (const [path, text] of Object.entries(typeof version === "string" ? variants[version](n) : version)) {
        const file = join(clone, path);
        mkdirSync(dirname(file), { recursive: true });
        if (text === null) rmSync(file);
        else writeFileSync(file, text);
      }
      await git("add", "--all");
      const what = typeof version === "string" ? version : "change";
      await git("commit", "--quiet", "--allow-empty", "-m", `${what} version ${n}`);
      await git("push", "--quiet", ...(force ? ["--force"] : []), "origin", branch);
      return git("rev-parse", "HEAD");
    });
  }

  const pullAt = (number: number) => ({ ...at, pull_number: number });

  async function runId(sha: string, name: string): Promise<number> {
    const { data } = await octokit.rest.checks.listForRef({ ...at, ref: sha, check_name: name });
    const [run] = data.check_runs;
    if (run === undefined) throw new Error(`${sha} has no check run ${name}`);
    return run.id;
  }

  return {
    login,
    octokit,
    async openPullRequest({ branch, version = "good", base = "main", draft = false, title = branch }) {
      const sha = await commit(branch, version, { from: base, force: false });
      const { data } = await octokit.rest.pulls.create({ ...at, head: branch, base, title, draft });
      return { number: data.number, branch, sha };
    },
    push: (branch, version, from = branch) => commit(branch, version, { from, force: false }),
    forcePush: (branch, version, base = "main") => commit(branch, version, { from: base, force: true }),
    deleteBranch: async (branch) => void (await octokit.rest.git.deleteRef({ ...at, ref: `heads/${branch}` })),
    async merge(number, method = "merge") {
      const { data } = await octokit.rest.pulls.merge({ ...pullAt(number), merge_method: method });
      return data.sha;
    },
    close: async (number) => void (await octokit.rest.pulls.update({ ...pullAt(number), state: "closed" })),
    reopen: async (number) => void (await octokit.rest.pulls.update({ ...pullAt(number), state: "open" })),
    retarget: async (number, base) => void (await octokit.rest.pulls.update({ ...pullAt(number), base })),
    async setDraft(number, draft) {
      const { data } = await octokit.rest.pulls.get(pullAt(number));
      const mutation = draft ? "convertPullRequestToDraft" : "markPullRequestReadyForReview";
      const query = `mutation($id: ID!) { ${mutation}(input: {pullRequestId: $id}) { pullRequest { isDraft } } }`;
      await octokit.graphql(query, { id: data.node_id });
    },
    label: async (number, name) =>
      void (await octokit.rest.issues.addLabels({ ...at, issue_number: number, labels: [name] })),
    unlabel: async (number, name) =>
      void (await octokit.rest.issues.removeLabel({ ...at, issue_number: number, name })),
    async comment(number, text) {
      const { data } = await octokit.rest.issues.createComment({ ...at, issue_number: number, body: text });
      return data.id;
    },
    async pressButton(sha, check, identifier) {
      const id = await runId(sha, check);
      // On GitHub this is a button on the page; the local one gives it an address.
      await octokit.request("POST /repos/{owner}/{repo}/check-runs/{id}/actions/{identifier}", {
        ...at,
        id,
        identifier,
      });
    },
    async rerequest(sha, check) {
      await octokit.rest.checks.rerequestRun({ ...at, check_run_id: await runId(sha, check) });
    },
    git: (...args) => alone((git) => git(...args)),
  };
}

const ignore = (): void => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Nothing of this machine's own git settings. */
const GIT = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_EMAIL: "person@example.com",
  GIT_COMMITTER_EMAIL: "person@example.com",
} as const;
