import { hash } from "node:crypto";
import type { Commit, Comparison } from "../../src/core/github.ts";
import type { Millis, Sha } from "../../src/core/names.ts";

/** A tree by path. Never changed once a commit has it. */
export type Files = ReadonlyMap<string, string>;

/** Git objects, shared by a repository and its forks. None is ever cleaned up: a force push leaves what it dropped readable by id. */
export interface Git {
  commit(sha: Sha): Commit | null;
  files(sha: Sha): Files;
  create(commit: { files: Files; parents: readonly Sha[]; message: string; at: Millis }): Sha;
  /** Whether `base` is `head` or one of its ancestors. */
  contains(head: Sha, base: Sha): boolean;
  compare(base: Sha, head: Sha): Comparison | null;
  /** The tree that merging `head` into `base` gives; null: they conflict. */
  merge(base: Sha, head: Sha): Files | null;
  /** The tip first. */
  firstParents(tip: Sha): Sha[];
}

interface Stored {
  readonly commit: Commit;
  readonly files: Files;
  /** Parents come before children, so this is also an order to list commits in. */
  readonly order: number;
  readonly ancestors: ReadonlySet<Sha>;
}

/** GitHub lists no more. https://docs.github.com/rest/commits/commits#compare-two-commits */
const MOST_FILES = 300;

export function createGit(): Git {
  const commits = new Map<Sha, Stored>();
  // Commits never change, so what two of them have to do with each other never does either.
  const compared = new Map<string, Comparison | null>();

  function stored(sha: Sha): Stored {
    const found = commits.get(sha);
    if (found === undefined)
      throw new Error(`there is no commit ${sha}: a branch or pull request names one that was never made`);
    return found;
  }

  function mergeBase(a: Sha, b: Sha): Sha | null {
    const others = stored(b).ancestors;
    let best: Stored | null = null;
    for (const sha of stored(a).ancestors) {
      const each = stored(sha);
      if (others.has(sha) && (best === null || each.order > best.order)) best = each;
    }
    return best?.commit.sha ?? null;
  }

  function between(base: Sha, head: Sha): Commit[] {
    const known = stored(base).ancestors;
    return [...stored(head).ancestors]
      .filter((sha) => !known.has(sha))
      .map(stored)
      .sort((a, b) => a.order - b.order)
      .map(({ commit }) => commit);
  }

  function compare(base: Sha, head: Sha): Comparison | null {
    const fork = mergeBase(base, head);
    if (fork === null) return null;
    const ahead = between(base, head);
    const behindBy = between(head, base).length;
    const files = changedPaths(stored(fork).files, stored(head).files);
    return {
      status:
        behindBy === 0 ? (ahead.length === 0 ? "identical" : "ahead") : ahead.length === 0 ? "behind" : "diverged",
      aheadBy: ahead.length,
      behindBy,
      commits: ahead,
      files: files.slice(0, MOST_FILES),
      complete: files.length < MOST_FILES,
    };
  }

  return {
    commit: (sha) => commits.get(sha)?.commit ?? null,
    files: (sha) => stored(sha).files,
    create({ files, parents, message, at }) {
      const order = commits.size;
      const tree = hash("sha1", [...files].sort(byPath).flat().join("\0")) as Sha;
      const sha = hash("sha1", `${order} ${tree} ${parents.join(" ")} ${message} ${at}`) as Sha;
      const ancestors = new Set([sha]);
      for (const parent of parents) for (const ancestor of stored(parent).ancestors) ancestors.add(ancestor);
      commits.set(sha, { commit: { sha, tree, parents, message, committedAt: at }, files, order, ancestors });
      return sha;
    },
    contains: (head, base) => stored(head).ancestors.has(base),
    compare(base, head) {
      if (!commits.has(base) || !commits.has(head)) return null;
      const key = `${base}...${head}`;
      const known = compared.get(key);
      if (known !== undefined) return known;
      const fresh = compare(base, head);
      compared.set(key, fresh);
      return fresh;
    },
    merge(base, head) {
      const fork = mergeBase(base, head);
      return fork === null ? null : mergeFiles(stored(fork).files, stored(base).files, stored(head).files);
    },
    firstParents(tip) {
      const line: Sha[] = [];
      for (let at: Sha | undefined = tip; at !== undefined; at = stored(at).commit.parents[0]) line.push(at);
      return line;
    },
  };
}

const byPath = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

function changedPaths(before: Files, after: Files): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

/** Whole files: both sides having changed one differently is a conflict. */
export function mergeFiles(base: Files, ours: Files, theirs: Files): Files | null {
  const merged = new Map<string, string>();
  for (const path of new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])) {
    const [was, our, their] = [base.get(path), ours.get(path), theirs.get(path)];
    if (our !== their && our !== was && their !== was) return null;
    const text = our === was ? their : our;
    if (text !== undefined) merged.set(path, text);
  }
  return merged;
}

/** null deletes a file. */
export function changeFiles(files: Files, change: Readonly<Record<string, string | null>>): Files {
  const changed = new Map(files);
  for (const [path, text] of Object.entries(change)) {
    if (text === null) changed.delete(path);
    else changed.set(path, text);
  }
  return changed;
}
