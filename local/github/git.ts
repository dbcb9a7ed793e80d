import { execFile, type ExecFileException } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface Identity {
  readonly name: string;
  readonly email: string;
  readonly at: string;
}

export interface GitCommit {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Identity;
  readonly committer: Identity;
  readonly message: string;
}

export interface FileChange {
  readonly path: string;
  readonly previous: string | null;
  readonly status: "added" | "removed" | "modified" | "renamed";
  readonly sha: string;
  readonly additions: number;
  readonly deletions: number;
}

export interface TreeEntry {
  readonly mode: string;
  readonly type: string;
  readonly sha: string;
  readonly size: number | null;
  readonly path: string;
}

const MOST_REMEMBERED = 5000;
export const NO_COMMIT = "0".repeat(40);
const ID = /^[0-9a-f]{40}$/;
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** One bare repository, through the system's `git`. Names that come from outside are refs and paths, never options. */
export interface Git {
  readonly dir: string;
  refs(prefix?: string): Promise<Map<string, string>>;
  /** The commit that a branch, a tag, a full ref or an id names; null: there is none. */
  resolve(revision: string): Promise<string | null>;
  commit(sha: string): Promise<GitCommit>;
  /** Ids reachable from `head` and not from `base` (null: all of history), newest first. */
  history(base: string | null, head: string): Promise<readonly string[]>;
  mergeBase(a: string, b: string): Promise<string | null>;
  /** What changed between two commits; `from` null: everything in `to`. */
  changes(from: string | null, to: string): Promise<readonly FileChange[]>;
  /** Branches that contain the commit, with their tips. */
  branchesWith(sha: string): Promise<{ name: string; tip: string }[]>;
  tree(revision: string, path: string, depth: "one level" | "recursive"): Promise<TreeEntry[]>;
  blob(sha: string): Promise<Buffer>;
  /** A commit on a branch; content null removes the file. */
  write(commit: WriteCommit): Promise<string>;
  /** Merges `head` into `base` as git does, three ways; null: they conflict. No ref moves. */
  merge(base: string, head: string): Promise<string | null>;
  createCommit(commit: Omit<GitCommit, "sha">): Promise<string>;
  /** The commits of `base..head` one by one on top of `base`; null: one conflicts. */
  rebase(base: string, head: string, committer: Identity): Promise<string | null>;
  /** Sets or (null) deletes a ref, if it still is where the caller saw it. */
  moveRef(ref: string, to: string | null, from?: string): Promise<void>;
  fetchFrom(other: Git, sha: string): Promise<void>;
  archive(sha: string, prefix: string): Promise<Buffer>;
}

export interface WriteCommit {
  readonly branch: string;
  readonly parent: string | null;
  readonly message: string;
  readonly author: Identity;
  readonly committer: Identity;
  readonly files: readonly { readonly path: string; readonly content: Buffer | null; readonly mode?: string }[];
}

export async function openGit(dir: string): Promise<Git> {
  const git = async (args: readonly string[], input?: string | Buffer): Promise<Buffer> => {
    const { code, out, err } = await runGit(["--git-dir", dir, ...args], input);
    if (code !== 0) throw new Error(`git ${args.join(" ")} in ${dir}: ${err.trim()}`);
    return out;
  };
  const lines = async (args: readonly string[]): Promise<string[]> =>
    String(await git(args))
      .split("\n")
      .filter((line) => line !== "");

  if (!existsSync(`${dir}/HEAD`)) {
    const made = await runGit(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", dir]);
    if (made.code !== 0) throw new Error(`create the git repository ${dir}: ${made.err.trim()}`);
    // refs/pull is GitHub's to write; any commit GitHub knows can be fetched by its id.
    for (const [key, value] of [
      ["gc.auto", "0"],
      ["receive.hideRefs", "refs/pull"],
      ["uploadpack.allowAnySHA1InWant", "true"],
      ["uploadpack.allowFilter", "true"],
    ] as const)
      await git(["config", key, value]);
  }
  // What full ids say never changes, so it is asked once; a failure is not an answer.
  const answers = new Map<string, Promise<unknown>>();
  const once = <T>(question: string, ask: () => Promise<T>): Promise<T> => {
    if (answers.size > MOST_REMEMBERED) answers.clear();
    const answer = (answers.get(question) ?? ask()) as Promise<T>;
    answers.set(question, answer);
    answer.catch(() => answers.delete(question));
    return answer;
  };

  // No commit is ever taken out of these repositories.
  const commits = new Set<string>();

  const self: Git = {
    dir,
    async refs(prefix = "refs/heads") {
      const rows = await lines(["for-each-ref", "--format=%(objectname) %(refname)", prefix]);
      return new Map(rows.map((row) => [row.slice(row.indexOf(" ") + 1), row.slice(0, row.indexOf(" "))]));
    },
    async resolve(revision) {
      const isId = ID.test(revision);
      const names = [`refs/heads/${revision}`, `refs/tags/${revision}`, revision];
      for (const name of isId || revision.startsWith("refs/") ? [revision] : names) {
        if (name.startsWith("-") || /[\s~^:?*[\\]|\.\./.test(name)) return null;
        const known = isId ? commits.has(revision) && revision : await looseHead(dir, name);
        if (known) return known;
        const found = await runGit(["--git-dir", dir, "rev-parse", "--verify", "--quiet", `${name}^{commit}`]);
        if (found.code !== 0) continue;
        if (isId) commits.add(revision);
        return String(found.out).trim();
      }
      return null;
    },
    commit: (sha) =>
      once(`commit ${sha}`, async () => parseCommit(sha, String(await git(["cat-file", "commit", sha])))),
    history: (base, head) =>
      once(`history ${base} ${head}`, () =>
        lines(["rev-list", "--topo-order", head, ...(base === null ? [] : [`^${base}`])]),
      ),
    mergeBase: (a, b) =>
      once(`merge-base ${a} ${b}`, async () => {
        const { code, out, err } = await runGit(["--git-dir", dir, "merge-base", a, b]);
        if (code > 1) throw new Error(`git merge-base ${a} ${b} in ${dir}: ${err.trim()}`);
        return code === 0 ? String(out).trim() : null;
      }),
    changes: (from, to) =>
      once(`changes ${from} ${to}`, async () => {
        const shape = ["-r", "-z", "-M", "--raw", "--numstat", "--no-abbrev"];
        return parseChanges(String(await git(["diff-tree", ...shape, from ?? EMPTY_TREE, to])).split("\0"));
      }),
    async branchesWith(sha) {
      const rows = await lines([
        "for-each-ref",
        `--contains=${sha}`,
        "--format=%(objectname) %(refname)",
        "refs/heads",
      ]);
      return rows.map((row) => ({
        name: row.slice(row.indexOf(" refs/heads/") + 12),
        tip: row.slice(0, row.indexOf(" ")),
      }));
    },
    async tree(revision, path, depth) {
      const args = ["ls-tree", "-z", "--long", ...(depth === "recursive" ? ["-r", "-t"] : []), revision];
      const list = async (): Promise<TreeEntry[]> => {
        const rows = String(await git(path === "" ? args : [...args, "--", path])).split("\0");
        return rows.filter((row) => row !== "").map(parseTreeEntry);
      };
      return ID.test(revision) ? once(`tree ${revision} ${depth} ${path}`, list) : list();
    },
    blob: (sha) => once(`blob ${sha}`, () => git(["cat-file", "blob", sha])),
    async write(commit) {
      await git(["fast-import", "--quiet", "--date-format=raw"], fastImport(commit));
      const ref = `refs/heads/${commit.branch}`;
      return (await looseHead(dir, ref)) ?? String(await git(["rev-parse", ref])).trim();
    },
    async merge(base, head) {
      const how = ["merge-tree", "--write-tree", "--no-messages", "--allow-unrelated-histories"];
      const { code, out, err } = await runGit(["--git-dir", dir, ...how, base, head]);
      if (code > 1) throw new Error(`git merge-tree in ${dir} (it needs git 2.38 or later): ${err.trim()}`);
      return code === 0 ? String(out).trim() : null;
    },
    async createCommit(commit) {
      const text = [
        `tree ${commit.tree}`,
        ...commit.parents.map((parent) => `parent ${parent}`),
        `author ${signature(commit.author)}`,
        `committer ${signature(commit.committer)}`,
        "",
        commit.message,
      ].join("\n");
      return String(await git(["hash-object", "-t", "commit", "-w", "--stdin"], text)).trim();
    },
    async rebase(base, head, committer) {
      let tip = base;
      const shas = await lines(["rev-list", "--reverse", "--no-merges", "--topo-order", head, `^${base}`]);
      for (const sha of shas) {
        const commit = await self.commit(sha);
        const [parent] = commit.parents;
        const before = parent === undefined ? EMPTY_TREE : (await self.commit(parent)).tree;
        // merge-tree takes no merge base before git 2.40: three commits made for it give the same three-way merge.
        const made = { author: commit.author, committer, message: "rebase" };
        const root = await self.createCommit({ ...made, tree: before, parents: [] });
        const ours = await self.createCommit({ ...made, tree: (await self.commit(tip)).tree, parents: [root] });
        const theirs = await self.createCommit({ ...made, tree: commit.tree, parents: [root] });
        const tree = await self.merge(ours, theirs);
        if (tree === null) return null;
        tip = await self.createCommit({ ...commit, tree, parents: [tip], committer });
      }
      return tip;
    },
    async moveRef(ref, to, from) {
      const expected = from === undefined ? [] : [from];
      await git(to === null ? ["update-ref", "-d", ref, ...expected] : ["update-ref", ref, to, ...expected]);
    },
    async fetchFrom(other, sha) {
      await git(["fetch", "--quiet", "--no-tags", other.dir, sha]);
    },
    archive: (sha, prefix) => git(["archive", "--format=tar.gz", `--prefix=${prefix}/`, sha]),
  };
  return self;
}

/** A branch's tip as git keeps it until refs are packed, which nothing does here; null: ask git. One read instead of one process. */
async function looseHead(dir: string, ref: string): Promise<string | null> {
  if (!ref.startsWith("refs/heads/")) return null;
  const text = await readFile(`${dir}/${ref}`, "utf8").catch(() => "");
  return ID.test(text.trim()) ? text.trim() : null;
}

/** Runs git to its end; a refusal is an exit code, for the caller to judge. */
function runGit(args: readonly string[], input?: string | Buffer): Promise<{ code: number; out: Buffer; err: string }> {
  return new Promise((resolve, reject) => {
    const options = { encoding: "buffer", maxBuffer: 512 * 1024 * 1024 } as const;
    const done = (error: ExecFileException | null, out: Buffer, err: Buffer): void => {
      if (error === null) resolve({ code: 0, out, err: String(err) });
      else if (typeof error.code === "number") resolve({ code: error.code, out, err: String(err) });
      else reject(new Error("run git: it has to be installed and on the PATH", { cause: error }));
    };
    const { stdin } = execFile("git", args, options, done);
    // A git that ends before it has read everything reports through its exit code, not through the pipe.
    stdin?.on("error", () => {});
    stdin?.end(input);
  });
}

function parseCommit(sha: string, text: string): GitCommit {
  const split = text.indexOf("\n\n");
  const headers = text.slice(0, split).split("\n");
  const values = (key: string): string[] =>
    headers.filter((h) => h.startsWith(`${key} `)).map((h) => h.slice(key.length + 1));
  return {
    sha,
    tree: values("tree")[0] ?? EMPTY_TREE,
    parents: values("parent"),
    author: parseIdentity(values("author")[0] ?? ""),
    committer: parseIdentity(values("committer")[0] ?? ""),
    message: text.slice(split + 2).replace(/\n$/, ""),
  };
}

function parseIdentity(line: string): Identity {
  const [, name = "", email = "", seconds = "0"] = /^(.*?) ?<(.*)> (\d+) [+-]\d{4}$/.exec(line) ?? [];
  return { name, email, at: new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z") };
}

/** Characters that end a field of git's own format cannot be part of a name. */
function signature({ name, email, at }: Identity): string {
  const clean = (text: string): string => text.replace(/[<>\n\0]/g, "");
  return `${clean(name)} <${clean(email)}> ${Math.floor(Date.parse(at) / 1000)} +0000`;
}

/** `--raw -z` gives `:modes shas status NUL path NUL [path NUL]`, then `--numstat -z` the same files in the same order. */
function parseChanges(fields: readonly string[]): FileChange[] {
  const found = new Map<string, FileChange>();
  for (let i = 0; i < fields.length;) {
    const field = fields[i++] ?? "";
    if (field.startsWith(":")) {
      const [, , before = "", after = "", letter = ""] = field.split(" ");
      const first = fields[i++] ?? "";
      const renamed = letter.startsWith("R");
      const path = renamed ? (fields[i++] ?? "") : first;
      const status = renamed ? "renamed" : letter === "A" ? "added" : letter === "D" ? "removed" : "modified";
      const sha = status === "removed" ? before : after;
      found.set(path, { path, previous: renamed ? first : null, status, sha, additions: 0, deletions: 0 });
    } else if (field !== "") {
      const [additions, deletions, name] = field.split("\t");
      if (name === "") i += 1;
      const path = name === "" ? (fields[i++] ?? "") : (name ?? "");
      const change = found.get(path);
      // `-` stands for a binary file.
      if (change) found.set(path, { ...change, additions: Number(additions) || 0, deletions: Number(deletions) || 0 });
    }
  }
  return [...found.values()];
}

function parseTreeEntry(row: string): TreeEntry {
  const [, mode = "", type = "", sha = "", size = "", path = ""] = /^(\d+) (\w+) (\w+) +(\S+)\t([^]*)$/.exec(row) ?? [];
  return { mode, type, sha, size: size === "-" ? null : Number(size), path };
}

function fastImport({ branch, parent, message, author, committer, files }: WriteCommit): Buffer {
  const data = (content: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`data ${content.length}\n`), content, Buffer.from("\n")]);
  const path = (name: string): string =>
    `"${name.replace(/["\\]/g, String.raw`\$&`).replaceAll("\n", String.raw`\n`)}"`;
  return Buffer.concat([
    Buffer.from(`commit refs/heads/${branch}\nauthor ${signature(author)}\ncommitter ${signature(committer)}\n`),
    data(Buffer.from(message)),
    Buffer.from(parent === null ? "" : `from ${parent}\n`),
    ...files.flatMap((file) =>
      file.content === null
        ? [Buffer.from(`D ${path(file.path)}\n`)]
        : [Buffer.from(`M ${file.mode ?? "100644"} inline ${path(file.path)}\n`), data(file.content)],
    ),
  ]);
}
