import { loginOf, type Viewer } from "./auth.ts";
import type { FileChange, GitCommit, Identity } from "./git.ts";
import type { Json } from "./http.ts";
import type { Hub } from "./hub.ts";
import { accountJson, repositoryHtml, repositoryUrl } from "./serialize.ts";
import type { Repo } from "./state.ts";

/** A person's identity on a commit made through the API. */
export function identityOf(hub: Hub, viewer: Viewer): Identity {
  const login = loginOf(hub, viewer);
  return { name: login, email: emailOf(hub, login), at: hub.now() };
}

export const emailOf = (hub: Hub, login: string): string =>
  `${hub.account(login).id}+${login}@users.noreply.github.com`;

/** The account a commit's e-mail address belongs to. */
function accountOf(hub: Hub, email: string): Json | null {
  const login = /^\d+\+(.+)@users\.noreply\.github\.com$/.exec(email)?.[1];
  const [known] = hub.state.list("account", (account) => account.login === login);
  return known === undefined ? null : accountJson(hub, known.login);
}

export function gitCommitJson(hub: Hub, repo: Repo, commit: GitCommit): Json {
  const url = repositoryUrl(hub, repo);
  const person = ({ name, email, at }: GitCommit["author"]): Json => ({ name, email, date: at });
  return {
    author: person(commit.author),
    committer: person(commit.committer),
    message: commit.message,
    tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` },
    url: `${url}/git/commits/${commit.sha}`,
    comment_count: 0,
    verification: { verified: false, reason: "unsigned", signature: null, payload: null, verified_at: null },
  };
}

/** The commit as a git object: without GitHub's accounts, changes or statistics. */
export function gitObjectJson(hub: Hub, repo: Repo, commit: GitCommit): Json {
  const html = `${repositoryHtml(hub, repo)}/commit`;
  const git = `${repositoryUrl(hub, repo)}/git/commits`;
  return {
    ...gitCommitJson(hub, repo, commit),
    sha: commit.sha,
    node_id: `C_${commit.sha}`,
    html_url: `${html}/${commit.sha}`,
    parents: commit.parents.map((sha) => ({ sha, url: `${git}/${sha}`, html_url: `${html}/${sha}` })),
  };
}

export function commitJson(hub: Hub, repo: Repo, commit: GitCommit): Json {
  const url = repositoryUrl(hub, repo);
  const html = repositoryHtml(hub, repo);
  return {
    sha: commit.sha,
    node_id: `C_${commit.sha}`,
    commit: gitCommitJson(hub, repo, commit),
    url: `${url}/commits/${commit.sha}`,
    html_url: `${html}/commit/${commit.sha}`,
    comments_url: `${url}/commits/${commit.sha}/comments`,
    author: accountOf(hub, commit.author.email),
    committer: accountOf(hub, commit.committer.email),
    parents: commit.parents.map((sha) => ({ sha, url: `${url}/commits/${sha}`, html_url: `${html}/commit/${sha}` })),
  };
}

export function pushCommitJson(hub: Hub, repo: Repo, commit: GitCommit, changes: readonly FileChange[]): Json {
  const person = ({ name, email }: GitCommit["author"]): Json => ({ name, email });
  const paths = (...statuses: FileChange["status"][]): string[] =>
    changes.filter(({ status }) => statuses.includes(status)).map(({ path }) => path);
  return {
    id: commit.sha,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: commit.committer.at,
    url: `${repositoryHtml(hub, repo)}/commit/${commit.sha}`,
    author: person(commit.author),
    committer: person(commit.committer),
    added: paths("added", "renamed"),
    removed: [...paths("removed"), ...changes.flatMap(({ previous }) => (previous === null ? [] : [previous]))],
    modified: paths("modified"),
  };
}

export function fileJson(hub: Hub, repo: Repo, sha: string, change: FileChange): Json {
  const path = encodeURI(change.path);
  const html = repositoryHtml(hub, repo);
  return {
    sha: change.sha,
    filename: change.path,
    status: change.status,
    additions: change.additions,
    deletions: change.deletions,
    changes: change.additions + change.deletions,
    blob_url: `${html}/blob/${sha}/${path}`,
    raw_url: `${html}/raw/${sha}/${path}`,
    contents_url: `${repositoryUrl(hub, repo)}/contents/${path}?ref=${sha}`,
    ...(change.previous === null ? {} : { previous_filename: change.previous }),
  };
}
