import { atLeast, loginOf, roleOf } from "../auth.ts";
import { type Answer, invalid, type Json, ok, Refusal } from "../http.ts";
import { parseRepoName } from "../../../src/core/names.ts";
import { addRepository } from "../repository.ts";
import { type Call, type RepoCall, repoRoute, type Route, route } from "../router.ts";
import { accountJson, fullRepositoryJson } from "../serialize.ts";
import type { Permission } from "../state.ts";

export const repositoryRoutes: readonly Route[] = [
  repoRoute("GET ", "metadata:read", (call) => ok(fullRepositoryJson(call.hub, call.repo, call.viewer))),
  repoRoute("PATCH ", "administration:write", updateRepository),
  repoRoute("POST /forks", "contents:read", fork),
  repoRoute("GET /collaborators/{login}/permission", "metadata:read", permissionOf),
  route("POST /user/repos", "user", (call) => createRepository(call, loginOf(call.hub, call.viewer))),
  route("POST /orgs/{owner}/repos", "user", (call) => createRepository(call, call.params["owner"] ?? "")),
  route("GET /user", "user", ({ hub, viewer }) =>
    ok(privateUserJson(accountJson(hub, loginOf(hub, viewer)), hub.now())),
  ),
  route("GET /rate_limit", "anyone", ({ hub, viewer }) => ok(hub.limits.overview(viewer))),
];

/** Empty until its first push, which names the default branch here as `main` whatever the account prefers. */
function createRepository({ hub, body, viewer }: Call, owner: string): Answer {
  const name = body.text("name") ?? "";
  if (parseRepoName(`${owner}/${name}`) === null) throw invalid("Repository", "name", "invalid");
  if (hub.repository(owner, name) !== undefined)
    throw invalid("Repository", "name", "custom", "name already exists on this account");
  const { repo } = addRepository(hub, { owner, name, isPrivate: body.flag("private") ?? false });
  return { status: 201, body: fullRepositoryJson(hub, repo, viewer) };
}

/** Renaming keeps the old name as a redirect. */
function updateRepository({ hub, repo, body, viewer }: RepoCall): Answer {
  const name = body.text("name") ?? repo.name;
  if (name !== repo.name && hub.repository(repo.owner, name) !== undefined)
    throw invalid("Repository", "name", "custom", "name already exists on this account");
  const formerNames =
    name === repo.name ? repo.formerNames : [...repo.formerNames.filter((old) => old !== name), repo.name];
  const archived = body.flag("archived") ?? repo.archived;
  const isPrivate = body.flag("private") ?? repo.private;
  const changed = hub.state.put("repo", {
    ...repo,
    name,
    formerNames,
    archived,
    private: isPrivate,
    defaultBranch: body.text("default_branch") ?? repo.defaultBranch,
  });
  if (name !== repo.name)
    hub.emit("repository", changed, loginOf(hub, viewer), {
      action: "renamed",
      changes: { repository: { name: { from: repo.name } } },
    });
  return ok(fullRepositoryJson(hub, changed, viewer));
}

async function fork({ hub, repo, viewer }: RepoCall): Promise<Answer> {
  if (viewer.kind !== "user") throw new Refusal(403, "Resource not accessible by integration");
  const owner = viewer.login;
  const known = hub.repository(owner, repo.name);
  if (known !== undefined) return { status: 202, body: fullRepositoryJson(hub, known, viewer) };
  const source = await hub.git(repo);
  const now = hub.now();
  const made = hub.state.put("repo", {
    ...repo,
    id: hub.state.nextId(),
    owner,
    formerNames: [],
    forkOf: repo.id,
    nextNumber: 1,
    createdAt: now,
    pushedAt: now,
  });
  const git = await hub.git(made);
  for (const [ref, sha] of await source.refs("refs/heads")) {
    await git.fetchFrom(source, sha);
    await git.moveRef(ref, sha);
  }
  return { status: 202, body: fullRepositoryJson(hub, made, viewer) };
}

/** `permission` knows four words; `role_name` says which of the five roles it is. Strangers have `none`. */
function permissionOf({ hub, repo, params }: RepoCall): Answer {
  const login = params["login"] ?? "";
  const role = roleOf(hub, login, repo);
  const [known] = hub.state.list("account", (account) => account.login === login);
  const legacy: Record<Permission, string> = {
    none: "none",
    read: "read",
    triage: "read",
    write: "write",
    maintain: "write",
    admin: "admin",
  };
  const user =
    role === "none" && known === undefined
      ? null
      : { ...accountJson(hub, login), permissions: flags(role), role_name: role };
  return ok({ permission: legacy[role], role_name: role, user });
}

const flags = (role: Permission): Json => ({
  pull: atLeast(role, "read"),
  triage: atLeast(role, "triage"),
  push: atLeast(role, "write"),
  maintain: atLeast(role, "maintain"),
  admin: role === "admin",
});

function privateUserJson(account: Json, now: string): Json {
  const absent = ["name", "company", "blog", "location", "email", "hireable", "bio"];
  const counts = `public_repos public_gists followers following private_gists total_private_repos
    owned_private_repos disk_usage collaborators`.split(/\s+/);
  return {
    ...account,
    ...Object.fromEntries(absent.map((name) => [name, null])),
    ...Object.fromEntries(counts.map((name) => [name, 0])),
    two_factor_authentication: true,
    created_at: now,
    updated_at: now,
  };
}
