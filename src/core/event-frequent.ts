import { commit, type Delivery, ignored, look, messages, origin, previewOf, type Reading } from "./event-message.ts";
import { aBoolean, aList, anAction, aPullNumber, aRef, aRepoId, aSha, field, read } from "./event-payload.ts";
import { reading, type Shape } from "./event-reading.ts";

/** The events that come all day long, apart from the others so that the webhook need not load those; null: another event. */
export function frequentMessages(delivery: Delivery): Reading | null {
  const shape = SHAPES.get(delivery.event);
  return shape === undefined ? null : reading(delivery, shape, readEvent);
}

const SHAPES: ReadonlyMap<string, Shape> = new Map([
  ["pull_request", { has: ["action", "number", "pull_request"], lacks: ["review", "comment", "thread"] }],
  ["push", { has: ["ref", "before", "after"], lacks: ["action", "ref_type"] }],
  ["check_run", { has: ["action", "check_run"], lacks: ["check_suite", "deployment", "workflow_run"] }],
  ["check_suite", { has: ["action", "check_suite"], lacks: ["check_run", "workflow_run"] }],
  ["status", { has: ["sha", "context", "state"], lacks: ["action", "ref"] }],
]);

function readEvent(delivery: Delivery): Reading | null {
  switch (delivery.event) {
    case "pull_request":
      return pullRequest(delivery);
    case "push":
      return push(delivery);
    case "check_run":
      return checkRun(delivery);
    case "check_suite":
      return checkSuite(delivery);
    default:
      return status(delivery);
  }
}

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

/** null: a button, or a check run of our own that somebody wants to see again. */
function checkRun(delivery: Delivery): Reading | null {
  const { payload } = delivery;
  const action = read(payload, "action", anAction);
  if (field(payload, "check_run.app.id") === delivery.ownAppId)
    return action === "created" || action === "completed" ? ignored(`check_run.${action}: Proa's own`) : null;
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
