import {
  accountJson,
  associationOf,
  labelJson,
  reactionsJson,
  repositoryHtml,
  repositoryJson,
  repositoryUrl,
} from "./serialize.ts";
import type { Json } from "./http.ts";
import type { Hub } from "./hub.ts";
import { requiredChecks, unmetChecks } from "./required.ts";
import type { Label, Pull, Repo } from "./state.ts";

export function findPull(hub: Hub, repo: Repo, number: number): Pull | undefined {
  return hub.state.list("pull", (pull) => pull.repoId === repo.id && pull.number === number)[0];
}

/** As lists show a pull request. */
export function pullJson(hub: Hub, pull: Pull): Json {
  const repo = repositoryById(hub, pull.repoId);
  const url = `${repositoryUrl(hub, repo)}/pulls/${pull.number}`;
  const issue = `${repositoryUrl(hub, repo)}/issues/${pull.number}`;
  const html = `${repositoryHtml(hub, repo)}/pull/${pull.number}`;
  const statuses = `${repositoryUrl(hub, repo)}/statuses/${pull.head.sha}`;
  const headRepo = hub.state.get("repo", pull.head.repoId);
  const addresses = {
    html,
    issue,
    comments: `${issue}/comments`,
    review_comments: `${url}/comments`,
    review_comment: `${repositoryUrl(hub, repo)}/pulls/comments{/number}`,
    commits: `${url}/commits`,
    statuses,
  };
  return {
    url,
    id: pull.id,
    node_id: `PR_${pull.id}`,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    ...Object.fromEntries(
      Object.entries(addresses)
        .filter(([name]) => name !== "html")
        .map(([name, address]) => [`${name}_url`, address]),
    ),
    number: pull.number,
    state: pull.state,
    locked: false,
    title: pull.title,
    user: accountJson(hub, pull.author),
    body: pull.body,
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    merged_at: pull.merged?.at ?? null,
    // Before the merge this is the test merge, never a commit to deploy; afterwards what reached the base branch.
    merge_commit_sha: pull.merged?.sha ?? pull.test?.sha ?? null,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    labels: pull.labels.map((name) => labelJson(hub, repo, labelNamed(hub, repo, name))),
    milestone: null,
    draft: pull.draft,
    head: {
      label: `${pull.head.owner}:${pull.head.ref}`,
      ref: pull.head.ref,
      sha: pull.head.sha,
      user: accountJson(hub, pull.head.owner),
      repo: headRepo === undefined ? null : repositoryJson(hub, headRepo),
    },
    base: {
      label: `${repo.owner}:${pull.base.ref}`,
      ref: pull.base.ref,
      sha: pull.base.sha,
      user: accountJson(hub, repo.owner),
      repo: repositoryJson(hub, repo),
    },
    _links: Object.fromEntries([
      ["self", { href: url }],
      ...Object.entries(addresses).map(([name, href]) => [name, { href }]),
    ]),
    author_association: associationOf(hub, repo, pull.author),
    auto_merge: null,
    active_lock_reason: null,
  };
}

/** As the pull request itself and its webhooks show it: with the test merge and what changed. */
export async function fullPullJson(hub: Hub, stored: Pull): Promise<Json> {
  const repo = repositoryById(hub, stored.repoId);
  const git = await hub.git(repo);
  const pull = await withTestMerge(hub, stored);
  const base = await git.mergeBase(pull.base.sha, pull.head.sha);
  const commits = base === null ? [] : await git.history(base, pull.head.sha);
  const changes = await git.changes(base, pull.head.sha);
  const mergeable = pull.merged !== null || pull.state === "closed" ? null : pull.test?.sha !== null;
  const sum = (key: "additions" | "deletions"): number => changes.reduce((total, change) => total + change[key], 0);
  return {
    ...pullJson(hub, pull),
    merged: pull.merged !== null,
    mergeable,
    rebaseable: mergeable,
    mergeable_state: mergeableState(hub, repo, pull, mergeable),
    merged_by: pull.merged === null ? null : accountJson(hub, pull.merged.by),
    comments: commentsOf(hub, pull),
    review_comments: 0,
    maintainer_can_modify: false,
    commits: commits.length,
    additions: sum("additions"),
    deletions: sum("deletions"),
    changed_files: changes.length,
  };
}

const commentsOf = (hub: Hub, pull: Pull): number =>
  hub.state.list("comment", ({ repoId, number }) => repoId === pull.repoId && number === pull.number).length;

function mergeableState(hub: Hub, repo: Repo, pull: Pull, mergeable: boolean | null): string {
  if (mergeable === null) return "unknown";
  if (!mergeable) return "dirty";
  if (pull.draft) return "draft";
  return unmetChecks(hub, repo, pull.head.sha, requiredChecks(hub, repo, pull.base.ref)).length > 0
    ? "blocked"
    : "clean";
}

/** Merges the two tips for trial, once for each pair, and keeps the commit at `refs/pull/N/merge`. */
export async function withTestMerge(hub: Hub, pull: Pull): Promise<Pull> {
  if (pull.state === "closed") return pull;
  const repo = repositoryById(hub, pull.repoId);
  const git = await hub.git(repo);
  const base = await git.resolve(`refs/heads/${pull.base.ref}`);
  if (base === null || (pull.test?.base === base && pull.test.head === pull.head.sha)) return pull;
  const tree = await git.merge(base, pull.head.sha);
  const by = { name: "GitHub", email: "noreply@github.com", at: hub.now() };
  const message = `Merge ${pull.head.sha} into ${base}`;
  const sha =
    tree === null
      ? null
      : await git.createCommit({ tree, parents: [base, pull.head.sha], author: by, committer: by, message });
  if (sha !== null) await git.moveRef(`refs/pull/${pull.number}/merge`, sha);
  // Someone may have pushed meanwhile: only the test result is ours to write.
  return hub.state.put("pull", {
    ...(hub.state.get("pull", pull.id) ?? pull),
    test: { base, head: pull.head.sha, sha },
  });
}

/** The issue side of a pull request, as comment webhooks carry it. */
export function issueJson(hub: Hub, pull: Pull): Json {
  const { url, html_url, diff_url, patch_url, merged_at, comments_url, ...rest } = pullJson(hub, pull);
  const repo = repositoryById(hub, pull.repoId);
  const issue = `${repositoryUrl(hub, repo)}/issues/${pull.number}`;
  const same = `id node_id number title user labels state locked assignee assignees milestone created_at
    updated_at closed_at author_association active_lock_reason draft body`.split(/\s+/);
  return {
    ...Object.fromEntries(same.map((name) => [name, rest[name]])),
    url: issue,
    repository_url: repositoryUrl(hub, repo),
    labels_url: `${issue}/labels{/name}`,
    comments_url,
    events_url: `${issue}/events`,
    timeline_url: `${issue}/timeline`,
    html_url,
    comments: commentsOf(hub, pull),
    pull_request: { url, html_url, diff_url, patch_url, merged_at },
    reactions: reactionsJson(issue, []),
    performed_via_github_app: null,
    state_reason: null,
  };
}

/** How check runs and suites name the pull requests whose head is their commit. Those from forks are left out, as on GitHub. */
export function pullsAt(hub: Hub, repo: Repo, sha: string): Json[] {
  const ref = { id: repo.id, url: repositoryUrl(hub, repo), name: repo.name };
  return hub.state
    .list(
      "pull",
      ({ repoId, state, head }) =>
        repoId === repo.id && state === "open" && head.sha === sha && head.repoId === repo.id,
    )
    .map(({ id, number, head, base }) => ({
      id,
      number,
      url: `${ref.url}/pulls/${number}`,
      head: { ref: head.ref, sha: head.sha, repo: ref },
      base: { ref: base.ref, sha: base.sha, repo: ref },
    }));
}

/** Records what changed and tells it to Proa's App. */
export async function changePull(
  hub: Hub,
  before: Pull,
  change: Partial<Pull>,
  event: { action: string; sender: string; more?: Json },
): Promise<Pull> {
  const pull = hub.state.put("pull", { ...before, ...change, updatedAt: hub.now() });
  await emitPull(hub, pull, event);
  return pull;
}

export async function emitPull(
  hub: Hub,
  pull: Pull,
  event: { action: string; sender: string; more?: Json },
): Promise<void> {
  const body = await fullPullJson(hub, pull);
  const payload = { action: event.action, number: pull.number, pull_request: body, ...event.more };
  hub.emit("pull_request", repositoryById(hub, pull.repoId), event.sender, payload);
}

export function closePull(hub: Hub, pull: Pull, sender: string, merged: Pull["merged"] = null): Promise<Pull> {
  return changePull(hub, pull, { state: "closed", closedAt: hub.now(), merged }, { action: "closed", sender });
}

export function labelNamed(hub: Hub, repo: Repo, name: string): Label {
  const [known] = hub.state.list("label", (label) => label.repoId === repo.id && label.name === name);
  return known ?? hub.state.put("label", { id: hub.state.nextId(), repoId: repo.id, name });
}

export function repositoryById(hub: Hub, id: number): Repo {
  const repo = hub.state.get("repo", id);
  if (repo === undefined) throw new Error(`repository ${id} is gone: a pull request or deployment still names it`);
  return repo;
}
