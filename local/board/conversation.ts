import type { BoardGitHub } from "./github.ts";

/** Where a page's address points: the numbers and ids that GitHub's own `html_url`s carry. */
export type Focus =
  | { readonly kind: "newest" }
  | { readonly kind: "pull"; readonly number: number }
  | { readonly kind: "commit"; readonly sha: string }
  | { readonly kind: "run"; readonly id: number };

/** null: not a page of the board. */
export function parseFocus(path: string): Focus | null {
  if (path === "/" || /^\/[a-z0-9][\w-]*\/[\w.-]+$/i.test(path)) return { kind: "newest" };
  const [, kind, id = ""] = /^\/[\w-]+\/[\w.-]+\/(pull|commit|runs)\/([0-9a-f]+)$/.exec(path) ?? [];
  if (kind === "commit") return { kind, sha: id };
  if (kind === undefined || !/^\d+$/.test(id)) return null;
  return kind === "pull" ? { kind, number: Number(id) } : { kind: "run", id: Number(id) };
}

/** Everything GitHub shows of what the page is about: the pull request with its comments, and the commits that matter to it. */
export async function readConversation(github: BoardGitHub, focus: Focus) {
  const { person, shop } = github;
  const listed = await github.read("pulls", () => person.pulls.list({ ...shop, state: "all", per_page: 50 }));
  const run =
    focus.kind === "run"
      ? await github.read(`run/${focus.id}`, () => person.checks.get({ ...shop, check_run_id: focus.id }))
      : null;
  const asked = focus.kind === "commit" ? focus.sha : (run?.head_sha ?? null);
  const chosen =
    focus.kind === "pull"
      ? listed.find(({ number }) => number === focus.number)
      : asked === null
        ? (listed.find(({ state }) => state === "open") ?? listed[0])
        : listed.find(({ head, merge_commit_sha }) => head.sha === asked || merge_commit_sha === asked);

  const shas = [...new Set([asked, chosen?.head.sha, chosen?.merged_at ? chosen.merge_commit_sha : null])];
  const [pull, comments, commits] = await Promise.all([
    chosen === undefined ? null : readPull(github, chosen.number),
    chosen === undefined ? [] : readComments(github, chosen.number),
    Promise.all(shas.flatMap((sha) => (sha ? [readCommit(github, sha)] : []))),
  ]);
  const pulls = listed.map(({ number, title, state, merged_at, head, html_url }) => ({
    number,
    title,
    state: merged_at === null ? state : "merged",
    sha: head.sha,
    url: new URL(html_url).pathname,
  }));
  return { focus, pulls, pull, comments, commits };
}

async function readPull({ read, person, shop }: BoardGitHub, number: number) {
  const pull = await read(`pull/${number}`, () => person.pulls.get({ ...shop, pull_number: number }));
  const { title, state, merged, draft, mergeable, head, base, user, merge_commit_sha } = pull;
  const merge = merged ? merge_commit_sha : null;
  return {
    number,
    title,
    state: merged ? "merged" : state,
    draft,
    mergeable,
    branch: head.ref,
    sha: head.sha,
    base: base.ref,
    author: user.login,
    merge,
  };
}

async function readComments({ read, person, shop }: BoardGitHub, number: number) {
  const comments = await read(`comments/${number}`, () =>
    person.issues.listComments({ ...shop, issue_number: number, per_page: 100 }),
  );
  return comments.map(({ id, body = "", user, updated_at, reactions }) => {
    const { "+1": up = 0, "-1": down = 0 } = reactions ?? {};
    return { id, body, author: user?.login ?? "ghost", at: updated_at, up, down };
  });
}

async function readCommit(github: BoardGitHub, ref: string) {
  const { read, person, shop } = github;
  const [commit, combined, runs] = await Promise.all([
    read(`commit/${ref}`, () => person.repos.getCommit({ ...shop, ref })),
    read(`status/${ref}`, () => person.repos.getCombinedStatusForRef({ ...shop, ref, per_page: 100 })),
    read(`runs/${ref}`, () => person.checks.listForRef({ ...shop, ref, per_page: 100 })),
  ]);
  const statuses = combined.statuses.map(({ context, state, description, target_url, updated_at }) => ({
    context,
    state,
    description,
    url: target_url,
    at: updated_at,
  }));
  return {
    sha: commit.sha,
    message: commit.commit.message,
    author: commit.commit.author?.name ?? "",
    statuses: statuses.sort((a, b) => a.context.localeCompare(b.context)),
    runs: await Promise.all(runs.check_runs.map((run) => readRun(github, run))),
  };
}

type RunJson = Awaited<ReturnType<BoardGitHub["person"]["checks"]["listForRef"]>>["data"]["check_runs"][number];

async function readRun(
  { read, person, shop }: BoardGitHub,
  { id, name, status, conclusion, output, app, completed_at }: RunJson,
) {
  const [annotations, buttons] = await Promise.all([
    output.annotations_count === 0
      ? []
      : read(`annotations/${id}`, () => person.checks.listAnnotations({ ...shop, check_run_id: id })),
    app?.slug === "ci"
      ? []
      : read(
          `buttons/${id}`,
          () =>
            person.request("GET /repos/{owner}/{repo}/check-runs/{id}/actions", { ...shop, id }) as Promise<{
              data: Button[];
            }>,
        ),
  ]);
  return {
    id,
    name,
    app: app?.slug ?? "",
    state: status === "completed" ? (conclusion ?? "neutral") : status,
    title: output.title,
    summary: output.summary,
    text: output.text,
    at: completed_at,
    annotations: annotations.map(({ path, start_line, message }) => ({ path, line: start_line, message })),
    buttons,
  };
}

/** What a check run's `actions` were set to. */
interface Button {
  readonly label: string;
  readonly description: string;
  readonly identifier: string;
}
