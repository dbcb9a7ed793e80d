import type { GitHub } from "../../src/adapters/github.ts";
import type { BranchRules } from "../../src/core/checks.ts";
import type { PullRequest, Repository } from "../../src/core/github.ts";
import type { RepoName, Sha } from "../../src/core/names.ts";
import { type Asked, knownCommit, listable, missing, readable, refused } from "./github-access.ts";
import { checksOf } from "./github-checks.ts";
import { permissionOf, type Repo, type World } from "./github-state.ts";
import type { Sync } from "./sim.ts";

type Reads = Pick<
  Sync<GitHub>,
  | "repository"
  | "pullRequest"
  | "openPullRequests"
  | "changedFiles"
  | "checks"
  | "branchRules"
  | "branch"
  | "commit"
  | "compare"
  | "file"
  | "pullRequestsOf"
  | "permission"
>;

/** What our App reads, as of this moment. What is answered is never changed afterwards. */
export function readsOf(world: World, installation: number): Reads {
  const ask = (call: string, repo: RepoName): Asked => ({ installation, repo, call });

  return {
    repository(name) {
      const repo = readable(world, ask("repository", name));
      return repo === null ? null : repositoryView(repo);
    },
    pullRequest: (name, number) => readable(world, ask("pull request", name))?.pulls.get(number) ?? null,
    openPullRequests(name) {
      const repo = listable(world, ask("open pull requests", name));
      return [...repo.pulls.values()].filter(({ state }) => state === "open").reverse();
    },
    changedFiles(name, number) {
      const asked = ask("changed files", name);
      const repo = listable(world, asked);
      const pull = repo.pulls.get(number) ?? missing(asked);
      const files = repo.git.compare(pull.base.sha, pull.head.sha)?.files ?? [];
      return { files: [...files], complete: true };
    },
    checks(name, sha) {
      const asked = ask("checks", name);
      const repo = listable(world, asked);
      return checksOf(repo, knownCommit(repo, sha, asked));
    },
    branchRules(name, branch) {
      const repo = readable(world, ask("branch rules", name));
      if (repo?.branches.has(branch) !== true) throw refused("not-found", `${name} has no branch ${branch}`);
      return repo.rules.get(branch) ?? NO_RULES;
    },
    branch(name, branch) {
      const repo = readable(world, ask("branch", name));
      const sha = repo?.branches.get(branch);
      return repo === null || sha === undefined ? null : repo.git.commit(sha);
    },
    commit: (name, sha) => readable(world, ask("commit", name))?.git.commit(sha) ?? null,
    compare: (name, base, head) => readable(world, ask("compare", name))?.git.compare(base, head) ?? null,
    file(name, path, ref) {
      const repo = readable(world, ask("file", name));
      const sha = repo?.branches.get(ref) ?? (ref as Sha);
      if (repo === null || repo.git.commit(sha) === null) return null;
      const files = repo.git.files(sha);
      if ([...files.keys()].some((other) => other.startsWith(`${path}/`)))
        throw refused("invalid", `${path} in ${name} at ${ref} must be a file, not a folder or a submodule`);
      return files.get(path) ?? null;
    },
    pullRequestsOf(name, sha) {
      const asked = ask("pull requests of a commit", name);
      const repo = listable(world, asked);
      return pullsWith(repo, knownCommit(repo, sha, asked));
    },
    permission(name, login) {
      const repo = readable(world, ask("permission", name));
      return repo === null ? "none" : permissionOf(repo, login);
    },
  };
}

const NO_RULES: BranchRules = { required: [], workflows: [] };

export const repositoryView = ({ id, name, private: isPrivate, archived, defaultBranch }: Repo): Repository => ({
  id,
  name,
  private: isPrivate,
  archived,
  defaultBranch,
});

/** Those that brought the commit, and those that would. */
function pullsWith(repo: Repo, sha: Sha): PullRequest[] {
  return [...repo.pulls.values()].filter(
    ({ mergeCommit, base, head }) =>
      mergeCommit === sha || (repo.git.contains(head.sha, sha) && !repo.git.contains(base.sha, sha)),
  );
}
