import type { RequiredContext } from "../../src/core/checks.ts";
import type { Permission } from "../../src/core/config.ts";
import type { StatusBody } from "../../src/core/github.ts";
import { type RepoName, type Sha, splitRepo } from "../../src/core/names.ts";
import { moveBranch } from "./github-branches.ts";
import { addRun, addStatus, changeRun, type RunChange } from "./github-checks.ts";
import { changeFiles } from "./github-git.ts";
import { CI_APP, marksOf, type Repo, type Run, type World } from "./github-state.ts";
import { commentJson, runJson, suiteJson } from "./github-webhooks.ts";
import { addComment, editComment } from "./github-writes.ts";

/** By path; null deletes a file. */
export type Change = Readonly<Record<string, string | null>>;

/** What people do beside pull requests. What GitHub would refuse does nothing and answers null or false. */
export function peopleActions(world: World) {
  const commitOn = (repo: Repo, parent: Sha, change: Change, message: string): Sha =>
    repo.git.create({
      files: changeFiles(repo.git.files(parent), change),
      parents: [parent],
      message,
      at: world.now(),
    });

  const newestRun = (repo: Repo, sha: Sha, name: string): Run | undefined =>
    repo.commits.get(sha)?.runs.findLast((run) => run.view.name === name);

  return {
    /** One commit on top of the branch, or on a new branch that starts at the default branch. */
    push(repo: Repo, branch: string, change: Change, by: string, message = `Change ${branch}`): Sha | null {
      const parent = repo.branches.get(branch) ?? repo.branches.get(repo.defaultBranch);
      if (parent === undefined) return null;
      const sha = commitOn(repo, parent, change, message);
      moveBranch(world, repo, branch, sha, by);
      return sha;
    },

    /** The branch's commits are replaced by one on top of the default branch. */
    forcePush(repo: Repo, branch: string, change: Change, by: string, message = `Rework ${branch}`): Sha | null {
      const parent = repo.branches.get(repo.defaultBranch);
      if (parent === undefined || branch === repo.defaultBranch || !repo.branches.has(branch)) return null;
      const sha = commitOn(repo, parent, change, message);
      moveBranch(world, repo, branch, sha, by);
      return sha;
    },

    /** Any commit there is: the default branch goes back, a branch comes back from the dead. */
    resetBranch(repo: Repo, branch: string, sha: Sha, by: string): boolean {
      if (repo.git.commit(sha) === null) return false;
      moveBranch(world, repo, branch, sha, by);
      return true;
    },

    deleteBranch(repo: Repo, branch: string, by: string): boolean {
      if (branch === repo.defaultBranch || !repo.branches.has(branch)) return false;
      moveBranch(world, repo, branch, null, by);
      return true;
    },

    comment(repo: Repo, number: number, body: string, by: string): number | null {
      return repo.pulls.has(number) ? addComment(world, repo, number, by, body).id : null;
    },
    editComment(repo: Repo, id: number, body: string, by: string): boolean {
      const comment = repo.comments.get(id);
      if (comment !== undefined) editComment(world, repo, comment, by, body);
      return comment !== undefined;
    },
    deleteComment(repo: Repo, id: number, by: string): boolean {
      const comment = repo.comments.get(id);
      if (comment === undefined) return false;
      repo.comments.delete(id);
      world.webhooks.emit(repo, "issue_comment", by, { action: "deleted", ...commentJson(repo, comment) });
      return true;
    },

    /** A button of the newest check run of that name that has it. */
    pressButton(repo: Repo, sha: Sha, name: string, identifier: string, by: string): boolean {
      const run = newestRun(repo, sha, name);
      if (run?.body?.actions.some((action) => action.identifier === identifier) !== true) return false;
      world.webhooks.emit(repo, "check_run", by, {
        action: "requested_action",
        requested_action: { identifier },
        check_run: runJson(repo, run),
      });
      return true;
    },
    /** "Re-run" on the newest check run of that name: its own App is told, and GitHub changes nothing itself. */
    rerunCheck(repo: Repo, sha: Sha, name: string, by: string): boolean {
      const run = newestRun(repo, sha, name);
      if (run === undefined) return false;
      if (run.view.appId === world.options.appId)
        world.webhooks.emit(repo, "check_run", by, { action: "rerequested", check_run: runJson(repo, run) });
      else world.ci.rerun(repo, run);
      return true;
    },
    /** "Re-run all checks" asks each App about its own suite. */
    rerunAll(repo: Repo, sha: Sha, by: string): boolean {
      const { suites, runs } = marksOf(repo, sha);
      for (const suite of suites) {
        const first = runs.find((run) => run.suite === suite);
        if (suite.appId === world.options.appId)
          world.webhooks.emit(repo, "check_suite", by, {
            action: "rerequested",
            check_suite: suiteJson(repo, suite, sha),
          });
        else if (first !== undefined) world.ci.rerun(repo, first);
      }
      return suites.length > 0;
    },

    /** What a workflow reports, without the model's own CI: a run of that name, or its change. */
    reportCheck(repo: Repo, sha: Sha, name: string, change: RunChange, { again = false } = {}): void {
      const run = again ? undefined : newestRun(repo, sha, name);
      const made = { appId: CI_APP, name, externalId: "", body: null, by: CI_BOT };
      if (run === undefined) addRun(world, repo, sha, { ...made, ...change });
      else changeRun(world, repo, run, change, CI_BOT);
    },
    reportStatus(repo: Repo, sha: Sha, status: StatusBody, by: string): boolean {
      return repo.git.commit(sha) !== null && addStatus(world, repo, sha, by, status);
    },

    requireChecks(
      repo: Repo,
      branch: string,
      required: readonly RequiredContext[],
      workflows: readonly string[] = [],
    ): void {
      const sorted = [...required].sort((a, b) => (a.context < b.context ? -1 : a.context > b.context ? 1 : 0));
      repo.rules.set(branch, { required: sorted, workflows: [...workflows].sort() });
    },
    grant(repo: Repo, login: string, permission: Permission | "none"): void {
      if (permission === "none") repo.people.delete(login);
      else repo.people.set(login, permission);
    },
    archive(repo: Repo, archived: boolean): void {
      repo.archived = archived;
    },
    /** The old name leads to the new one until another repository takes it. */
    rename(repo: Repo, name: RepoName, by: string): boolean {
      const taken = world.names.get(name);
      if (taken !== undefined && taken !== repo) return false;
      const from = splitRepo(repo.name).repo;
      repo.name = name;
      world.names.set(name, repo);
      for (const [number, pull] of repo.pulls) repo.pulls.set(number, { ...pull, base: { ...pull.base, repo: name } });
      world.webhooks.emit(repo, "repository", by, { action: "renamed", changes: { repository: { name: { from } } } });
      return true;
    },
    /** Its pull requests elsewhere stay, without a head repository. */
    deleteFork(fork: Repo): void {
      for (const repo of world.repos.values())
        for (const [number, pull] of repo.pulls)
          if (pull.head.repoId === fork.id) repo.pulls.set(number, { ...pull, head: { ...pull.head, repoId: null } });
      world.repos.delete(fork.id);
      world.names.delete(fork.name);
    },

    suspend(installation: number, suspended: boolean, by: string): boolean {
      const known = world.installations.get(installation);
      if (known === undefined || known.suspended === suspended) return false;
      known.suspended = suspended;
      world.webhooks.emitInstallation(known, "installation", by, { action: suspended ? "suspend" : "unsuspend" });
      return true;
    },
    uninstall(installation: number, by: string): boolean {
      const known = world.installations.get(installation);
      if (known === undefined) return false;
      world.installations.delete(installation);
      for (const repo of world.repos.values()) if (repo.installation === installation) repo.installation = null;
      world.webhooks.emitInstallation(known, "installation", by, { action: "deleted" });
      return true;
    },
    /** Takes a repository out of its installation, or puts it (back) into one. */
    setInstallation(repo: Repo, installation: number | null, by: string): boolean {
      const change = installation === null ? "removed" : "added";
      const concerned = world.installations.get(installation ?? repo.installation ?? -1);
      if (concerned === undefined || repo.installation === installation) return false;
      repo.installation = installation;
      const named = [{ id: repo.id, full_name: repo.name }];
      world.webhooks.emitInstallation(concerned, "installation_repositories", by, {
        action: change,
        repositories_added: change === "added" ? named : [],
        repositories_removed: change === "removed" ? named : [],
      });
      return true;
    },
  };
}

const CI_BOT = "github-actions[bot]";
