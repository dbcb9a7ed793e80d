import { issueComment, pressedButton, reportedTarget } from "./event-command.ts";
import { frequentMessages } from "./event-frequent.ts";
import { arrival, commit, type Delivery, ignored, look, messages, type Reading } from "./event-message.ts";
import { aList, anAction, aRepoId, aRepoName, aSha, read } from "./event-payload.ts";
import { reading, type Shape } from "./event-reading.ts";
import type { InstallationMessage } from "./message.ts";

/**
 * What the deployer has to look at after this delivery. Messages are small and hold ids only: what a payload says about state,
 * and every URL in it, stays behind.
 */
export function toMessages(delivery: Delivery): Reading {
  return frequentMessages(delivery) ?? reading(delivery, SHAPES.get(delivery.event) ?? null, readEvent);
}

const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ["issue_comment", { has: ["action", "issue", "comment"], lacks: ["pull_request", "discussion"] }],
  ["merge_group", { has: ["action", "merge_group"], lacks: ["pull_request"] }],
  ["installation", { has: ["action", "installation.account"], lacks: ["repositories_added"] }],
  [
    "installation_repositories",
    { has: ["action", "repositories_added", "repositories_removed"], lacks: ["repository"] },
  ],
]);

function readEvent(delivery: Delivery): Reading {
  switch (delivery.event) {
    case "check_run":
      return ownCheckRun(delivery);
    case "issue_comment":
      return issueComment(delivery);
    case "merge_group":
      return mergeGroup(delivery);
    case "installation":
      return installation(delivery);
    case "installation_repositories":
      return installationRepositories(delivery);
    default:
      return ignored(NOT_NEEDED.get(delivery.event) ?? `${delivery.event} is not an event that Proa acts on`);
  }
}

function ownCheckRun(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  if (action === "requested_action") return pressedButton(delivery);
  if (action !== "rerequested") return ignored(`check_run.${action}: Proa's own`);
  const target = reportedTarget(delivery);
  return typeof target === "string" ? ignored(target) : messages(look(delivery, target, null));
}

const NOT_NEEDED: ReadonlyMap<string, string> = new Map([
  ["ping", "ping"],
  ["delete", "GitHub closes the pull requests of a deleted branch, and says so itself"],
  ["repository", "repositories are known by number: the next event carries the new name"],
  ["branch_protection_rule", "whoever waits reads the rules again when it wakes"],
  ["repository_ruleset", "whoever waits reads the rules again when it wakes"],
]);

function mergeGroup(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  if (action !== "checks_requested") return ignored(`merge_group.${action}: a merge arrives as a push`);
  return commit(delivery, read(delivery.payload, "merge_group.head_sha", aSha));
}

function installation(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  const change = INSTALLATION_CHANGES.get(action);
  if (change === undefined) return ignored(`installation.${action}: nothing changes for targets`);
  return messages(ofInstallation(delivery, change, []));
}

const INSTALLATION_CHANGES: ReadonlyMap<string, InstallationMessage["change"]> = new Map([
  ["created", "active"],
  ["unsuspend", "active"],
  ["new_permissions_accepted", "active"],
  ["suspend", "suspended"],
  ["deleted", "deleted"],
]);

/** What surely fits into two kilobytes. */
const MAX_REPOSITORIES = 8;

/** With more repositories than fit, the message names none: then the whole installation is looked at. */
function installationRepositories(delivery: Delivery): Reading {
  const { payload } = delivery;
  const repositories = (["added", "removed"] as const).flatMap((change) =>
    read(payload, `repositories_${change}`, aList).map((_, i) => ({
      id: read(payload, `repositories_${change}.${i}.id`, aRepoId),
      name: read(payload, `repositories_${change}.${i}.full_name`, aRepoName),
      change,
    })),
  );
  if (repositories.length === 0) return ignored("installation_repositories: none");
  return messages(ofInstallation(delivery, "active", repositories.length > MAX_REPOSITORIES ? [] : repositories));
}

function ofInstallation(
  delivery: Delivery,
  change: InstallationMessage["change"],
  repositories: InstallationMessage["repositories"],
): InstallationMessage {
  return { ...arrival(delivery), kind: "installation", change, repositories };
}
