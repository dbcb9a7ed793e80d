import { issueComment, pressedButton, reportedTarget } from "./event-command.ts";
import { type Delivery, ignored, look, messages, origin, previewOf, type Reading, arrival } from "./event-message.ts";
import {
  aBoolean,
  aList,
  anAction,
  aPullNumber,
  aRef,
  aRepoId,
  aRepoName,
  aSha,
  field,
  Malformed,
  misfit,
  read,
} from "./event-payload.ts";
import type { Group, InstallationMessage, Message } from "./message.ts";
import { targetId, topicId } from "./names.ts";
import type { Sha } from "./names.ts";

/**
 * What the deployer has to look at after this delivery. Messages are small and hold ids only: what a payload says about state,
 * and every URL in it, stays behind.
 */
export function toMessages(delivery: Delivery): Reading {
  const { event, payload } = delivery;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload))
    return { kind: "malformed", because: "the payload is not an object" };
  const because = misfit(event, payload);
  if (because !== null) return { kind: "malformed", because };
  try {
    return readEvent(delivery);
  } catch (error) {
    if (error instanceof Malformed) return { kind: "malformed", because: `${event}: ${error.message}` };
    throw error;
  }
}

function readEvent(delivery: Delivery): Reading {
  switch (delivery.event) {
    case "pull_request":
      return pullRequest(delivery);
    case "push":
      return push(delivery);
    case "check_run":
      return checkRun(delivery);
    case "check_suite":
      return checkSuite(delivery);
    case "status":
      return status(delivery);
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

const NOT_NEEDED: ReadonlyMap<string, string> = new Map([
  ["ping", "ping"],
  ["delete", "GitHub closes the pull requests of a deleted branch, and says so itself"],
  ["repository", "repositories are known by number: the next event carries the new name"],
  ["branch_protection_rule", "whoever waits reads the rules again when it wakes"],
  ["repository_ruleset", "whoever waits reads the rules again when it wakes"],
]);

const PULL_REQUEST_ACTIONS: ReadonlySet<string> = new Set([
  "opened",
  "reopened",
  "synchronize",
  "ready_for_review",
  "converted_to_draft",
  "labeled",
  "unlabeled",
  // After a merge this takes the preview away; what goes to environments follows from the push.
  "closed",
]);

function pullRequest(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  const retargeted = action === "edited" && field(delivery.payload, "changes.base") !== undefined;
  if (!PULL_REQUEST_ACTIONS.has(action) && !retargeted)
    return ignored(`pull_request.${action}: no preview depends on it`);
  const target = previewOf(delivery, read(delivery.payload, "number", aPullNumber));
  return messages(look(delivery, target, read(delivery.payload, "pull_request.head.sha", aSha)));
}

function push(delivery: Delivery): Reading {
  const { payload } = delivery;
  const ref = read(payload, "ref", aRef);
  if (!ref.startsWith("refs/heads/")) return ignored("push: not to a branch");
  if (read(payload, "deleted", aBoolean)) return ignored("push: the branch was deleted, which deploys nothing");
  const branch = ref.slice("refs/heads/".length);
  const repoId = read(payload, "repository.id", aRepoId);
  return messages({ ...origin(delivery), kind: "branch", repoId, branch, sha: read(payload, "after", aSha) });
}

function checkRun(delivery: Delivery): Reading {
  const { payload } = delivery;
  const action = read(payload, "action", anAction);
  const ours = field(payload, "check_run.app.id") === delivery.ownAppId;
  if (ours && action === "requested_action") return pressedButton(delivery);
  if (ours && action === "rerequested") {
    const target = reportedTarget(delivery);
    return typeof target === "string" ? ignored(target) : messages(look(delivery, target, null));
  }
  if (ours) return ignored(`check_run.${action}: Proa's own`);
  if (action !== "created" && action !== "completed") return ignored(`check_run.${action}: asked of another app`);
  return checked(delivery, "check_run");
}

function checkSuite(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  const ours = field(delivery.payload, "check_suite.app.id") === delivery.ownAppId;
  // "Re-run all checks" asks each app about its own suite; a completed suite of our own says nothing new.
  if (action !== (ours ? "rerequested" : "completed")) return ignored(`check_suite.${action}: nothing to look at`);
  return checked(delivery, "check_suite");
}

/** More pull requests of one commit than anybody opens; the rest are reached through the commit. */
const MAX_PULL_REQUESTS = 20;

/**
 * Whoever waits for the commit looks again, and so do its pull requests, waiting or not: a re-run that turns red is shown.
 * A pull request that has moved on since is no business of this check, nor is one of another repository in the network. For a
 * fork's commit GitHub lists none: then the commit alone has to do.
 */
function checked(delivery: Delivery, name: "check_run" | "check_suite"): Reading {
  const { payload } = delivery;
  const sha = read(payload, `${name}.head_sha`, aSha);
  const repoId = read(payload, "repository.id", aRepoId);
  const numbers = read(payload, `${name}.pull_requests`, aList).flatMap((_, i) => {
    const path = `${name}.pull_requests.${i}`;
    const concerned =
      read(payload, `${path}.base.repo.id`, aRepoId) === repoId && read(payload, `${path}.head.sha`, aSha) === sha;
    return concerned ? [read(payload, `${path}.number`, aPullNumber)] : [];
  });
  const looks = [...new Set(numbers)]
    .slice(0, MAX_PULL_REQUESTS)
    .map((number) => look(delivery, { kind: "preview", repoId, number }, sha));
  return messages({ ...origin(delivery), kind: "commit", repoId, sha }, ...looks);
}

function status(delivery: Delivery): Reading {
  const { payload } = delivery;
  const context = field(payload, "context");
  if (typeof context === "string" && context.startsWith("proa/")) return ignored("status: Proa's own");
  return commit(delivery, read(payload, "sha", aSha));
}

function mergeGroup(delivery: Delivery): Reading {
  const action = read(delivery.payload, "action", anAction);
  if (action !== "checks_requested") return ignored(`merge_group.${action}: a merge arrives as a push`);
  return commit(delivery, read(delivery.payload, "merge_group.head_sha", aSha));
}

function commit(delivery: Delivery, sha: Sha): Reading {
  return messages({
    ...origin(delivery),
    kind: "commit",
    repoId: read(delivery.payload, "repository.id", aRepoId),
    sha,
  });
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

/** What is handled one at a time, in order: a target, or what has to be fanned out to targets first. */
export function groupOf(message: Message): Group {
  switch (message.kind) {
    case "look":
    case "tick":
      return targetId(message.target);
    case "command":
      return message.target === null ? topicId({ kind: "repo", repoId: message.repoId }) : targetId(message.target);
    case "commit":
    case "image":
      return topicId(message);
    case "branch":
      return topicId({ kind: "repo", repoId: message.repoId });
    case "installation":
      return `installation/${message.installation}`;
  }
}

/**
 * The same for a redelivery, which keeps its GUID: the queue swallows it for five minutes, which is right, for it took the first.
 * One delivery looks at a target once, whether it named the target or a fan-out of the same delivery did. At most 128
 * characters, as SQS wants: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function dedupId(message: Message): string {
  switch (message.kind) {
    case "look":
      return `${message.delivery}:${targetId(message.target)}`;
    case "tick":
      return `tick:${targetId(message.target)}:${message.n}`;
    case "commit":
    case "branch":
    case "image":
    case "command":
    case "installation":
      return `${message.delivery}:${message.kind}`;
  }
}
