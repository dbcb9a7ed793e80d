import { APP_PERMISSIONS, roleOf, atLeast, type Viewer } from "./auth.ts";
import type { Json } from "./http.ts";
import type { Hub } from "./hub.ts";
import type { Account, Comment, Deployment, DeploymentStatus, Installation, Label, Repo, Status } from "./state.ts";

/** GitHub's shapes. The same object serves REST and webhooks wherever both descriptions allow it. */

const links = (list: string): readonly [string, string][] =>
  list
    .trim()
    .split(/\s+/)
    .map((entry) => [entry.slice(0, entry.indexOf(":")), entry.slice(entry.indexOf(":") + 1)]);

const ACCOUNT_LINKS = links(`followers:/followers following:/following{/other_user} gists:/gists{/gist_id}
  starred:/starred{/owner}{/repo} subscriptions:/subscriptions organizations:/orgs repos:/repos events:/events{/privacy}
  received_events:/received_events`);

const REPOSITORY_LINKS =
  links(`forks:/forks keys:/keys{/key_id} collaborators:/collaborators{/collaborator} teams:/teams
  hooks:/hooks issue_events:/issues/events{/number} events:/events assignees:/assignees{/user} branches:/branches{/branch}
  tags:/tags blobs:/git/blobs{/sha} git_tags:/git/tags{/sha} git_refs:/git/refs{/sha} trees:/git/trees{/sha}
  statuses:/statuses/{sha} languages:/languages stargazers:/stargazers contributors:/contributors subscribers:/subscribers
  subscription:/subscription commits:/commits{/sha} git_commits:/git/commits{/sha} comments:/comments{/number}
  issue_comment:/issues/comments{/number} contents:/contents/{+path} compare:/compare/{base}...{head} merges:/merges
  archive:/{archive_format}{/ref} downloads:/downloads issues:/issues{/number} pulls:/pulls{/number}
  milestones:/milestones{/number} notifications:/notifications{?since,all,participating} labels:/labels{/name}
  releases:/releases{/id} deployments:/deployments`);

const ORGANIZATION_LINKS = links(`repos:/repos events:/events hooks:/hooks issues:/issues members:/members{/member}
  public_members:/public_members{/member}`);

const under = (url: string, list: readonly [string, string][]): Json =>
  Object.fromEntries(list.map(([name, path]) => [`${name}_url`, `${url}${path}`]));

export function accountJson(hub: Hub, login: string): Json {
  const { id, type } = hub.account(login);
  const url = `${hub.api}/users/${encodeURIComponent(login)}`;
  return {
    login,
    id,
    node_id: `U_${id}`,
    avatar_url: `${hub.html}/avatars/u/${id}`,
    gravatar_id: "",
    url,
    html_url: `${hub.html}/${encodeURIComponent(login)}`,
    ...under(url, ACCOUNT_LINKS),
    type,
    site_admin: false,
  };
}

export function organizationJson(hub: Hub, { login, id }: Account): Json {
  const url = `${hub.api}/orgs/${login}`;
  return {
    login,
    id,
    node_id: `O_${id}`,
    url,
    ...under(url, ORGANIZATION_LINKS),
    avatar_url: `${hub.html}/avatars/u/${id}`,
    description: null,
  };
}

export const repositoryUrl = (hub: Hub, repo: Repo): string => `${hub.api}/repos/${repo.owner}/${repo.name}`;
export const repositoryHtml = (hub: Hub, repo: Repo): string => `${hub.html}/${repo.owner}/${repo.name}`;

export function repositoryJson(hub: Hub, repo: Repo): Json {
  const url = repositoryUrl(hub, repo);
  const html = repositoryHtml(hub, repo);
  const path = `${repo.owner}/${repo.name}`;
  const open = hub.state.list("pull", (pull) => pull.repoId === repo.id && pull.state === "open").length;
  const forks = hub.state.list("repo", (other) => other.forkOf === repo.id).length;
  return {
    id: repo.id,
    node_id: `R_${repo.id}`,
    name: repo.name,
    full_name: path,
    private: repo.private,
    owner: accountJson(hub, repo.owner),
    html_url: html,
    description: null,
    fork: repo.forkOf !== null,
    url,
    ...under(url, REPOSITORY_LINKS),
    created_at: repo.createdAt,
    updated_at: repo.pushedAt,
    pushed_at: repo.pushedAt,
    git_url: `${hub.html}/git/${path}.git`,
    ssh_url: `${hub.html}/git/${path}.git`,
    clone_url: `${hub.html}/git/${path}.git`,
    svn_url: html,
    homepage: null,
    mirror_url: null,
    language: null,
    license: null,
    size: 0,
    ...Object.fromEntries(["stargazers_count", "watchers_count", "watchers"].map((name) => [name, 0])),
    ...Object.fromEntries(
      ["has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions"].map((name) => [name, false]),
    ),
    has_issues: true,
    forks_count: forks,
    forks,
    open_issues_count: open,
    open_issues: open,
    archived: repo.archived,
    disabled: false,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: repo.private ? "private" : "public",
    custom_properties: {},
    default_branch: repo.defaultBranch,
  };
}

/** What only `GET /repos/{owner}/{repo}` shows. */
export function fullRepositoryJson(hub: Hub, repo: Repo, viewer: Viewer): Json {
  const role = viewer.kind === "user" ? roleOf(hub, viewer.login, repo) : "read";
  const permissions = Object.fromEntries(
    (["admin", "maintain", "triage"] as const).map((level) => [level, atLeast(role, level)]),
  );
  const source = repo.forkOf === null ? undefined : hub.state.get("repo", repo.forkOf);
  return {
    ...repositoryJson(hub, repo),
    ...(source === undefined ? {} : { parent: repositoryJson(hub, source), source: repositoryJson(hub, source) }),
    permissions: { ...permissions, push: atLeast(role, "write"), pull: true },
    subscribers_count: 0,
    network_count: 0,
  };
}

export function appJson(hub: Hub, appId: number): Json {
  const { app, ciApp } = hub.options;
  const slug = appId === app.id ? app.slug : ciApp.slug;
  const createdAt = "2026-01-01T00:00:00Z";
  return {
    id: appId,
    slug,
    node_id: `A_${appId}`,
    owner: accountJson(hub, slug),
    name: slug,
    description: null,
    external_url: `${hub.html}/apps/${slug}`,
    html_url: `${hub.html}/apps/${slug}`,
    created_at: createdAt,
    updated_at: createdAt,
    permissions: APP_PERMISSIONS,
    events: APP_EVENTS,
  };
}

const APP_EVENTS = [
  "branch_protection_rule",
  "check_run",
  "check_suite",
  "create",
  "delete",
  "deployment",
  "deployment_status",
  "issue_comment",
  "merge_group",
  "pull_request",
  "push",
  "repository",
  "status",
];

/** The App that wrote something, if an App did. */
export function appOf(hub: Hub, login: string): Json | null {
  const { app, ciApp } = hub.options;
  const author = [app, ciApp].find(({ slug }) => `${slug}[bot]` === login);
  return author === undefined ? null : appJson(hub, author.id);
}

export function installationJson(hub: Hub, installation: Installation): Json {
  const { app } = hub.options;
  const account = hub.account(installation.account);
  return {
    id: installation.id,
    account: accountJson(hub, installation.account),
    repository_selection: "all",
    access_tokens_url: `${hub.api}/app/installations/${installation.id}/access_tokens`,
    repositories_url: `${hub.api}/installation/repositories`,
    html_url: `${hub.html}/settings/installations/${installation.id}`,
    app_id: app.id,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.type,
    permissions: APP_PERMISSIONS,
    events: APP_EVENTS,
    created_at: installation.createdAt,
    updated_at: installation.suspendedAt ?? installation.createdAt,
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: installation.suspendedAt === null ? null : accountJson(hub, installation.account),
    suspended_at: installation.suspendedAt,
  };
}

export function labelJson(hub: Hub, repo: Repo, label: Label): Json {
  const url = `${repositoryUrl(hub, repo)}/labels/${encodeURIComponent(label.name)}`;
  return {
    id: label.id,
    node_id: `LA_${label.id}`,
    url,
    name: label.name,
    description: "",
    color: "ededed",
    default: false,
  };
}

const REACTIONS = ["+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"] as const;

export function reactionsJson(url: string, contents: readonly string[]): Json {
  const counts = REACTIONS.map((name) => [name, contents.filter((content) => content === name).length]);
  return { url: `${url}/reactions`, total_count: contents.length, ...Object.fromEntries(counts) };
}

export function associationOf(hub: Hub, repo: Repo, login: string): string {
  return atLeast(roleOf(hub, login, repo), "read") ? "MEMBER" : "NONE";
}

export function commentJson(hub: Hub, repo: Repo, comment: Comment): Json {
  const url = `${repositoryUrl(hub, repo)}/issues/comments/${comment.id}`;
  const reactions = hub.state
    .list("reaction", ({ commentId }) => commentId === comment.id)
    .map(({ content }) => content);
  return {
    url,
    html_url: `${repositoryHtml(hub, repo)}/pull/${comment.number}#issuecomment-${comment.id}`,
    issue_url: `${repositoryUrl(hub, repo)}/issues/${comment.number}`,
    id: comment.id,
    node_id: `IC_${comment.id}`,
    user: accountJson(hub, comment.author),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: associationOf(hub, repo, comment.author),
    body: comment.body,
    reactions: reactionsJson(url, reactions),
    performed_via_github_app: appOf(hub, comment.author),
  };
}

export function statusJson(hub: Hub, repo: Repo, status: Status): Json {
  return {
    url: `${repositoryUrl(hub, repo)}/statuses/${status.sha}`,
    avatar_url: accountJson(hub, status.author)["avatar_url"],
    id: status.id,
    node_id: `SC_${status.id}`,
    state: status.state,
    description: status.description,
    target_url: status.targetUrl,
    context: status.context,
    created_at: status.createdAt,
    updated_at: status.createdAt,
    creator: accountJson(hub, status.author),
  };
}

export function deploymentJson(hub: Hub, repo: Repo, deployment: Deployment): Json {
  const url = `${repositoryUrl(hub, repo)}/deployments/${deployment.id}`;
  return {
    url,
    id: deployment.id,
    node_id: `DE_${deployment.id}`,
    task: deployment.task,
    original_environment: deployment.originalEnvironment,
    environment: deployment.environment,
    description: deployment.description,
    created_at: deployment.createdAt,
    updated_at: deployment.updatedAt,
    statuses_url: `${url}/statuses`,
    repository_url: repositoryUrl(hub, repo),
    creator: accountJson(hub, deployment.author),
    sha: deployment.sha,
    ref: deployment.ref,
    payload: deployment.payload,
    transient_environment: deployment.transient,
    production_environment: deployment.production,
    performed_via_github_app: appOf(hub, deployment.author),
  };
}

export function deploymentStatusJson(hub: Hub, repo: Repo, status: DeploymentStatus): Json {
  const deployment = `${repositoryUrl(hub, repo)}/deployments/${status.deploymentId}`;
  return {
    url: `${deployment}/statuses/${status.id}`,
    id: status.id,
    node_id: `DES_${status.id}`,
    state: status.state,
    creator: accountJson(hub, status.author),
    description: status.description,
    environment: status.environment,
    target_url: status.logUrl,
    created_at: status.createdAt,
    updated_at: status.createdAt,
    deployment_url: deployment,
    repository_url: repositoryUrl(hub, repo),
    environment_url: status.environmentUrl,
    log_url: status.logUrl,
    performed_via_github_app: appOf(hub, status.author),
  };
}
