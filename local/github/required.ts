import type { Hub } from "./hub.ts";
import type { Protection, Repo, RequiredCheck, Ruleset } from "./state.ts";

/** Checks a branch demands before a merge: classic protection and active rulesets together. */
export function requiredChecks(hub: Hub, repo: Repo, branch: string): RequiredCheck[] {
  const rules = rulesFor(hub, repo, branch).flatMap(({ rules }) =>
    rules.filter(({ type }) => type === "required_status_checks"),
  );
  const listed = rules.flatMap(
    ({ parameters }) =>
      (parameters?.["required_status_checks"] ?? []) as { context: string; integration_id?: number }[],
  );
  return [
    ...(protectionOf(hub, repo, branch)?.checks?.checks ?? []),
    ...listed.map(({ context, integration_id }) => ({ context, appId: integration_id ?? null })),
  ];
}

/** Those that have not passed on this commit. A check and a status of one name must both pass. */
export function unmetChecks(hub: Hub, repo: Repo, sha: string, required: readonly RequiredCheck[]): RequiredCheck[] {
  return required.filter(({ context, appId }) => {
    const results = contextResults(hub, repo, sha).filter(
      (result) => result.context === context && (appId === null || result.appId === appId),
    );
    return results.length === 0 || results.some(({ state }) => state !== "success");
  });
}

/** The latest result of every check run and status on a commit. */
export function contextResults(
  hub: Hub,
  repo: Repo,
  sha: string,
): { context: string; appId: number | null; state: string }[] {
  const latest = new Map<string, { context: string; appId: number | null; state: string }>();
  for (const run of hub.state.list("run", ({ repoId, headSha }) => repoId === repo.id && headSha === sha)) {
    const passed = ["success", "neutral", "skipped"].includes(run.conclusion ?? "");
    const state = run.conclusion === null ? "pending" : passed ? "success" : "failure";
    latest.set(`${run.appId}/${run.name}`, { context: run.name, appId: run.appId, state });
  }
  for (const { context, state } of hub.state.list(
    "status",
    (status) => status.repoId === repo.id && status.sha === sha,
  ))
    latest.set(context, { context, appId: null, state });
  return [...latest.values()];
}

export function protectionOf(hub: Hub, repo: Repo, branch: string): Protection | undefined {
  return hub.state.list("protection", (protection) => protection.repoId === repo.id && protection.branch === branch)[0];
}

/** Active rulesets whose conditions name the branch; `evaluate` and `disabled` ones bind nobody. */
export function rulesFor(hub: Hub, repo: Repo, branch: string): Ruleset[] {
  const names = (pattern: string): boolean => {
    if (pattern === "~ALL") return true;
    if (pattern === "~DEFAULT_BRANCH") return branch === repo.defaultBranch;
    const source = pattern
      .replace(/[.+^$()|[\]\\{}?]/g, String.raw`\$&`)
      .replaceAll("**", "\0")
      .replaceAll("*", "[^/]*")
      .replaceAll("\0", ".*");
    return new RegExp(`^${source}$`).test(`refs/heads/${branch}`);
  };
  return hub.state.list(
    "ruleset",
    (rule) =>
      rule.repoId === repo.id && rule.enforcement === "active" && rule.include.some(names) && !rule.exclude.some(names),
  );
}
