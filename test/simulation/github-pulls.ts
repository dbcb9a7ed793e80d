import type { PullRequest } from "../../src/core/github.ts";
import type { Sha } from "../../src/core/names.ts";
import { changePull, closePull, moveBranch, retargetPull } from "./github-branches.ts";
import { contextPassed } from "./github-checks.ts";
import { type Files, mergeFiles } from "./github-git.ts";
import { permissionOf, type Repo, type World } from "./github-state.ts";

/** What people do to pull requests. What GitHub would refuse does nothing and answers null or false: a history that was shrunk still plays. */
export function pullActions(world: World) {
  const open = (repo: Repo, number: number): PullRequest | null => {
    const pull = repo.pulls.get(number);
    return pull?.state === "open" ? pull : null;
  };

  function change(
    repo: Repo,
    number: number,
    fields: Partial<PullRequest>,
    action: string,
    by: string,
    more: Readonly<Record<string, unknown>> = {},
  ): boolean {
    const pull = repo.pulls.get(number);
    if (pull === undefined) return false;
    changePull(world, repo, pull, fields, action, by, more);
    return true;
  }

  return {
    /** @param wanted.from the repository of the head branch, where that is a fork */
    open(
      repo: Repo,
      wanted: { head: string; base?: string; from?: Repo; draft?: boolean; title?: string; by: string },
    ): number | null {
      const { head, base = repo.defaultBranch, from = repo, draft = false, title = head, by } = wanted;
      const sha = from.branches.get(head);
      const tip = repo.branches.get(base);
      if (sha === undefined || tip === undefined || repo.git.contains(tip, sha)) return null;
      if (isTaken(repo, from, head, base)) return null;
      const number = repo.nextNumber++;
      const now = world.now();
      const pull: PullRequest = {
        number,
        state: "open",
        merged: false,
        mergeCommit: null,
        draft,
        title,
        author: by,
        labels: [],
        head: { sha, ref: head, repoId: from.id },
        base: { ref: base, sha: tip, repoId: repo.id, repo: repo.name, private: repo.private },
        createdAt: now,
        updatedAt: now,
      };
      changePull(world, repo, pull, {}, "opened", by);
      world.ci.pullMoved(repo, number);
      return number;
    },

    close(repo: Repo, number: number, by: string): boolean {
      const pull = open(repo, number);
      if (pull !== null) closePull(world, repo, pull, by, null);
      return pull !== null;
    },

    /** The head is what its branch is now; a branch that was deleted or force-pushed meanwhile cannot be taken up again. */
    reopen(repo: Repo, number: number, by: string): boolean {
      const pull = repo.pulls.get(number);
      if (pull === undefined || pull.state === "open" || pull.merged || pull.head.repoId === null) return false;
      const from = world.repos.get(pull.head.repoId);
      if (from === undefined) return false;
      const sha = from.branches.get(pull.head.ref);
      const tip = repo.branches.get(pull.base.ref);
      if (sha === undefined || tip === undefined || !repo.git.contains(sha, pull.head.sha)) return false;
      if (repo.git.contains(tip, sha) || isTaken(repo, from, pull.head.ref, pull.base.ref)) return false;
      changePull(world, repo, pull, { state: "open", head: { ...pull.head, sha } }, "reopened", by);
      world.ci.pullMoved(repo, number);
      return true;
    },

    /** Answers what reached the base branch. Required checks hold back everybody but admins. */
    merge(repo: Repo, number: number, method: "merge" | "squash" | "rebase", by: string): Sha | null {
      const pull = open(repo, number);
      const tip = repo.branches.get(pull?.base.ref ?? "");
      if (pull === null || pull.draft || tip === undefined) return null;
      const required = repo.rules.get(pull.base.ref)?.required ?? [];
      const unmet = required.some(({ context, appId }) => contextPassed(repo, pull.head.sha, context, appId) !== true);
      if (unmet && permissionOf(repo, by) !== "admin") return null;
      const sha = method === "rebase" ? rebased(repo, tip, pull) : merged(repo, tip, pull, method);
      if (sha === null) return null;
      closePull(world, repo, pull, by, sha);
      moveBranch(world, repo, pull.base.ref, sha, by);
      return sha;
    },

    retarget(repo: Repo, number: number, base: string, by: string): boolean {
      const pull = open(repo, number);
      return pull !== null && retargetPull(world, repo, pull, base, by);
    },

    /** "Update branch": the base is merged into the head. */
    update(repo: Repo, number: number, by: string): Sha | null {
      const pull = open(repo, number);
      const tip = repo.branches.get(pull?.base.ref ?? "");
      if (pull === null || tip === undefined || pull.head.repoId !== repo.id || repo.git.contains(pull.head.sha, tip))
        return null;
      const files = repo.git.merge(pull.head.sha, tip);
      if (files === null) return null;
      const message = `Merge branch '${pull.base.ref}' into ${pull.head.ref}`;
      const sha = repo.git.create({ files, parents: [pull.head.sha, tip], message, at: world.now() });
      moveBranch(world, repo, pull.head.ref, sha, by);
      return sha;
    },

    setDraft(repo: Repo, number: number, draft: boolean, by: string): boolean {
      if (open(repo, number)?.draft !== !draft) return false;
      return change(repo, number, { draft }, draft ? "converted_to_draft" : "ready_for_review", by);
    },

    label(repo: Repo, number: number, name: string, by: string): boolean {
      const labels = repo.pulls.get(number)?.labels ?? [];
      if (labels.includes(name)) return false;
      return change(repo, number, { labels: [...labels, name] }, "labeled", by, { label: { name } });
    },

    unlabel(repo: Repo, number: number, name: string, by: string): boolean {
      const labels = repo.pulls.get(number)?.labels ?? [];
      if (!labels.includes(name)) return false;
      const others = labels.filter((label) => label !== name);
      return change(repo, number, { labels: others }, "unlabeled", by, { label: { name } });
    },

    retitle(repo: Repo, number: number, title: string, by: string): boolean {
      const from = repo.pulls.get(number)?.title ?? "";
      return change(repo, number, { title }, "edited", by, { changes: { title: { from } } });
    },
  };

  function merged(repo: Repo, tip: Sha, pull: PullRequest, method: "merge" | "squash"): Sha | null {
    const files = repo.git.merge(tip, pull.head.sha);
    if (files === null) return null;
    const from = `${ownerOf(world, pull)}/${pull.head.ref}`;
    const message =
      method === "merge"
        ? `Merge pull request #${pull.number} from ${from}\n\n${pull.title}`
        : `${pull.title} (#${pull.number})`;
    const parents = method === "merge" ? [tip, pull.head.sha] : [tip];
    return repo.git.create({ files, parents, message, at: world.now() });
  }

  /** Each commit again on top of the base, without those that change nothing there. */
  function rebased(repo: Repo, tip: Sha, pull: PullRequest): Sha | null {
    let at = tip;
    for (const { sha, parents, message } of repo.git.compare(tip, pull.head.sha)?.commits ?? []) {
      const [parent] = parents;
      if (parent === undefined || parents.length > 1) continue;
      const here: Files = repo.git.files(at);
      const files = mergeFiles(repo.git.files(parent), here, repo.git.files(sha));
      if (files === null) return null;
      if (!sameFiles(files, here)) at = repo.git.create({ files, parents: [at], message, at: world.now() });
    }
    return at === tip ? null : at;
  }
}

const isTaken = (repo: Repo, from: Repo, head: string, base: string): boolean =>
  [...repo.pulls.values()].some(
    (pull) => pull.state === "open" && pull.head.repoId === from.id && pull.head.ref === head && pull.base.ref === base,
  );

const ownerOf = (world: World, { head }: PullRequest): string =>
  (head.repoId === null ? undefined : world.repos.get(head.repoId)?.owner) ?? "unknown";

const sameFiles = (a: Files, b: Files): boolean =>
  a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
