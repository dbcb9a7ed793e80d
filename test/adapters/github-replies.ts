import { parseRepoName, parseSha } from "../../src/core/names.ts";

/** Replies as GitHub sends them, cut to what Proa reads and a little that it must not stumble over. */
export const SHA = { head: "a".repeat(40), base: "b".repeat(40), merge: "c".repeat(40), tree: "d".repeat(40) };

export const repository = {
  id: 12,
  full_name: "acme/shop",
  private: true,
  archived: false,
  default_branch: "main",
  owner: { login: "acme" },
};

export const pull = {
  number: 7,
  state: "open",
  merged_at: null,
  merge_commit_sha: SHA.merge,
  draft: false,
  title: "Bigger buttons",
  user: { login: "octocat" },
  labels: [{ id: 1, name: "preview" }],
  head: { sha: SHA.head, ref: "buttons", repo: { id: 12 } },
  base: { sha: SHA.base, ref: "main", repo: repository },
  created_at: "2026-03-01T10:00:00Z",
  updated_at: "2026-03-01T11:00:00Z",
};

export const commit = (sha: string, parent = SHA.base) => ({
  sha,
  parents: [{ sha: parent }],
  commit: {
    message: `commit ${sha.slice(0, 7)}`,
    tree: { sha: SHA.tree },
    committer: { date: "2026-03-01T09:00:00Z" },
  },
});

export const checkRun = (id: number, name: string) => ({
  id,
  name,
  app: { id: 15_368 },
  status: "completed",
  conclusion: "success",
  started_at: "2026-03-01T11:00:00Z",
  completed_at: "2026-03-01T11:01:00Z",
  html_url: `https://github.example/runs/${id}`,
});

export const shop = sure(parseRepoName("acme/shop"));
export const old = sure(parseRepoName("acme/old"));
export const sha = sure(parseSha(SHA.head));
export const base = sure(parseSha(SHA.base));

function sure<T>(value: T | null): T {
  if (value === null) throw new Error("a name of the fixtures does not parse");
  return value;
}
