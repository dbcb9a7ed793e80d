/** One repository with one open pull request whose checks have passed. */
export const REPO = { id: 1001, full_name: "acme/shop", default_branch: "main", private: true, archived: false };
export const INSTALLATION = 5;
export const PULL = 7;
const AT = "2026-01-01T00:00:00Z";
const BASE = "b".repeat(40);

const CONFIG = `version: 1
services:
  web: {health: /healthz}
gate: {require: [test]}
`;

/** What GitHub says of the repository while `head` is the pull request's. Lists fit on one page. */
export function createGitHub() {
  let head = "a".repeat(40);
  let made = 0;
  const actor = { login: "mo", id: 11, type: "User" };
  const app = { id: 15368, slug: "github-actions" };

  const reads: readonly [RegExp, (sha: string) => unknown][] = [
    [/^$/, () => REPO],
    [
      /^\/pulls\/7$/,
      () => ({
        number: PULL,
        state: "open",
        merged: false,
        merged_at: null,
        merge_commit_sha: null,
        draft: false,
        title: "A better basket",
        user: actor,
        labels: [],
        head: { sha: head, ref: "basket", repo: REPO },
        base: { sha: BASE, ref: "main", repo: REPO },
        created_at: AT,
        updated_at: AT,
        body: "What changes, and why. ".repeat(400),
      }),
    ],
    [/^\/pulls\/7\/files$/, () => [{ filename: "server.js" }]],
    [/^\/contents\/\.proa\.yml$/, () => CONFIG],
    [
      /^\/commits\/([0-9a-f]{40})\/check-runs$/,
      () => ({
        total_count: 1,
        check_runs: [
          {
            id: 1,
            name: "test",
            app,
            status: "completed",
            conclusion: "success",
            started_at: AT,
            completed_at: AT,
            html_url: "https://github.example/1",
          },
        ],
      }),
    ],
    [/^\/commits\/([0-9a-f]{40})\/status$/, (sha) => ({ sha, state: "success", statuses: [] })],
    [
      /^\/commits\/([0-9a-f]{40})\/check-suites$/,
      () => ({
        total_count: 1,
        check_suites: [
          {
            id: 1,
            app,
            status: "completed",
            conclusion: "success",
            latest_check_runs_count: 1,
            created_at: AT,
            updated_at: AT,
          },
        ],
      }),
    ],
    [
      /^\/branches\/main$/,
      () => ({
        name: "main",
        commit: { sha: BASE, commit: { tree: { sha: BASE }, message: "first", committer: { date: AT } }, parents: [] },
      }),
    ],
    [/^\/rules\/branches\/main$/, () => []],
    [/^\/(?:issues\/7\/comments|deployments|deployments\/\d+\/statuses|commits\/[0-9a-f]{40}\/check-runs)$/, () => []],
  ];

  return {
    answer(method: string, path: string, authorization: string): { status: number; body: unknown } {
      if (path === `/app/installations/${INSTALLATION}/access_tokens`) {
        const expires_at = new Date(Date.now() + 3_600_000).toISOString();
        return {
          status: 201,
          body: { token: "ghs_rehearsal", expires_at, permissions: {}, repository_selection: "all" },
        };
      }
      if (!/^(?:Bearer|token) ghs_rehearsal$/.test(authorization))
        throw new Error(`${path} is asked for without the installation's token`);
      const rest = path.slice(`/repos/${REPO.full_name}`.length);
      // Whatever is written gets a number, by which the reporter writes it again.
      if (method !== "GET")
        return { status: method === "POST" ? 201 : 200, body: { id: ++made, node_id: "x", created_at: AT } };
      for (const [pattern, read] of reads) {
        const match = pattern.exec(rest);
        if (match !== null) return { status: 200, body: read(match[1] ?? "") };
      }
      throw new Error(`${method} ${path} is not rehearsed`);
    },
    push: (sha: string): void => void (head = sha),
    save(): () => void {
      const kept = head;
      return () => void (head = kept);
    },
  };
}
