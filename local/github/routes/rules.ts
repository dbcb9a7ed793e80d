import { loginOf } from "../auth.ts";
import { type Answer, created, type Fields, type Json, noContent, notFound, ok } from "../http.ts";
import { protectionOf, rulesFor } from "../required.ts";
import { idOf, paged, type RepoCall, repoRoute, type Route } from "../router.ts";
import { repositoryUrl } from "../serialize.ts";
import type { Protection, Ruleset } from "../state.ts";

export const ruleRoutes: readonly Route[] = [
  repoRoute("PUT /branches/{branch...}/protection", "administration:write", protect),
  repoRoute("GET /branches/{branch...}/protection", "administration:read", (call) =>
    ok(protectionJson(call, protectionAt(call))),
  ),
  repoRoute("DELETE /branches/{branch...}/protection", "administration:write", (call) => {
    const protection = protectionAt(call);
    call.hub.state.delete("protection", protection.id);
    tell(call, "deleted", protection);
    return noContent;
  }),
  repoRoute("GET /rules/branches/{branch...}", "metadata:read", (call) => {
    const { hub, repo, params } = call;
    const source = { ruleset_source_type: "Repository", ruleset_source: `${repo.owner}/${repo.name}` };
    const active = rulesFor(hub, repo, params["branch"] ?? "").flatMap(({ id, rules }) =>
      rules.map((rule) => ({ ...rule, ...source, ruleset_id: id })),
    );
    return paged(call, active, (rule) => rule);
  }),
  repoRoute("GET /rulesets", "metadata:read", (call) => {
    const all = call.hub.state.list("ruleset", ({ repoId }) => repoId === call.repo.id);
    return paged(call, all, (ruleset) => rulesetJson(call, ruleset));
  }),
  repoRoute("POST /rulesets", "administration:write", createRuleset),
  repoRoute("GET /rulesets/{id}", "metadata:read", (call) => ok(rulesetJson(call, rulesetOf(call)))),
  repoRoute("DELETE /rulesets/{id}", "administration:write", (call) => {
    call.hub.state.delete("ruleset", rulesetOf(call).id);
    return noContent;
  }),
];

function protectionAt({ hub, repo, params }: RepoCall): Protection {
  const protection = protectionOf(hub, repo, params["branch"] ?? "");
  if (protection === undefined) throw notFound("Branch not protected");
  return protection;
}

async function protect(call: RepoCall): Promise<Answer> {
  const { hub, repo, params, body } = call;
  const branch = params["branch"] ?? "";
  if ((await (await hub.git(repo)).resolve(`refs/heads/${branch}`)) === null) throw notFound("Branch not found");
  const before = protectionOf(hub, repo, branch);
  const now = hub.now();
  const protection = hub.state.put("protection", {
    id: before?.id ?? hub.state.nextId(),
    repoId: repo.id,
    branch,
    checks: checksIn(body.within("required_status_checks")),
    enforceAdmins: body.flag("enforce_admins") ?? false,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  });
  tell(call, before === undefined ? "created" : "edited", protection);
  return ok(protectionJson(call, protection));
}

/** `checks` names the App too; `contexts` is its older form. */
function checksIn(policy: Fields | null): Protection["checks"] {
  if (policy === null) return null;
  const named = policy
    .records("checks")
    .map((check) => ({ context: String(check["context"]), appId: appIn(check["app_id"]) }));
  const checks = policy.has("checks")
    ? named
    : (policy.texts("contexts") ?? []).map((context) => ({ context, appId: null }));
  return { strict: policy.flag("strict") ?? false, checks };
}

/** -1 says "any App". */
const appIn = (id: unknown): number | null => (typeof id === "number" && id >= 0 ? id : null);

function protectionJson({ hub, repo }: RepoCall, { branch, checks, enforceAdmins }: Protection): Json {
  const url = `${repositoryUrl(hub, repo)}/branches/${branch}/protection`;
  const off = { enabled: false };
  return {
    url,
    ...(checks === null
      ? {}
      : {
          required_status_checks: {
            url: `${url}/required_status_checks`,
            strict: checks.strict,
            contexts: checks.checks.map(({ context }) => context),
            contexts_url: `${url}/required_status_checks/contexts`,
            checks: checks.checks.map(({ context, appId }) => ({ context, app_id: appId })),
          },
        }),
    enforce_admins: { url: `${url}/enforce_admins`, enabled: enforceAdmins },
    required_signatures: { url: `${url}/required_signatures`, enabled: false },
    ...Object.fromEntries(
      `required_linear_history allow_force_pushes allow_deletions block_creations
    required_conversation_resolution lock_branch allow_fork_syncing`
        .split(/\s+/)
        .map((name) => [name, off]),
    ),
  };
}

function tell({ hub, repo, viewer }: RepoCall, action: "created" | "edited" | "deleted", protection: Protection): void {
  const { id, branch, checks, enforceAdmins, createdAt, updatedAt } = protection;
  const levels = `pull_request_reviews signature_requirement linear_history_requirement allow_force_pushes
    allow_deletions merge_queue required_deployments`.split(/\s+/);
  const flags = [
    "dismiss_stale_reviews_on_push",
    "require_code_owner_review",
    "authorized_dismissal_actors_only",
    "ignore_approvals_from_contributors",
    "authorized_actors_only",
  ];
  const rule = {
    id,
    repository_id: repo.id,
    name: branch,
    created_at: createdAt,
    updated_at: updatedAt,
    ...Object.fromEntries(levels.map((name) => [`${name}_enforcement_level`, "off"])),
    ...Object.fromEntries(flags.map((name) => [name, false])),
    required_approving_review_count: 0,
    required_status_checks: (checks?.checks ?? []).map(({ context }) => context),
    required_status_checks_enforcement_level: checks === null ? "off" : enforceAdmins ? "everyone" : "non_admins",
    strict_required_status_checks_policy: checks?.strict ?? false,
    required_conversation_resolution_level: "off",
    admin_enforced: enforceAdmins,
    authorized_actor_names: [],
  };
  hub.emit("branch_protection_rule", repo, loginOf(hub, viewer), {
    action,
    rule,
    ...(action === "edited" ? { changes: {} } : {}),
  });
}

function rulesetOf(call: RepoCall): Ruleset {
  const ruleset = call.hub.state.get("ruleset", idOf(call, "id"));
  if (ruleset?.repoId !== call.repo.id) throw notFound();
  return ruleset;
}

function createRuleset(call: RepoCall): Answer {
  const { hub, repo, body } = call;
  const names = body.within("conditions")?.within("ref_name");
  const ruleset = hub.state.put("ruleset", {
    id: hub.state.nextId(),
    repoId: repo.id,
    name: body.required("name"),
    enforcement: body.required("enforcement"),
    include: names?.texts("include") ?? [],
    exclude: names?.texts("exclude") ?? [],
    // Kept as given: the OpenAPI description has the shape of each, and only required_status_checks is enforced here.
    rules: body.records("rules") as unknown as Ruleset["rules"],
    createdAt: hub.now(),
  });
  return created(rulesetJson(call, ruleset));
}

const rulesetJson = ({ hub, repo }: RepoCall, ruleset: Ruleset): Json => ({
  id: ruleset.id,
  name: ruleset.name,
  target: "branch",
  source_type: "Repository",
  source: `${repo.owner}/${repo.name}`,
  enforcement: ruleset.enforcement,
  node_id: `RRS_${ruleset.id}`,
  _links: { self: { href: `${repositoryUrl(hub, repo)}/rulesets/${ruleset.id}` } },
  conditions: { ref_name: { include: ruleset.include, exclude: ruleset.exclude } },
  rules: ruleset.rules,
  bypass_actors: [],
  created_at: ruleset.createdAt,
  updated_at: ruleset.createdAt,
});
