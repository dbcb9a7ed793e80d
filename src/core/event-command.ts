import { parseCommand } from "./command-text.ts";
import { type Delivery, ignored, messages, origin, previewOf, type Reading } from "./event-message.ts";
import { anAction, anId, aPullNumber, aRepoId, aSha, field, read } from "./event-payload.ts";
import { aComment, aLogin, aShortText, aTime } from "./event-texts.ts";
import type { Command, CommandMessage } from "./message.ts";
import type { Target } from "./names.ts";
import { parseTargetId } from "./target-names.ts";

/** A `/command` in a new comment on a pull request. */
export function issueComment(delivery: Delivery): Reading {
  const { payload } = delivery;
  const action = read(payload, "action", anAction);
  // Only what was said, as it was said first: an edit would give old words a new meaning.
  if (action !== "created") return ignored(`issue_comment.${action}: only a new comment is a command`);
  if (field(payload, "issue.pull_request") === undefined) return ignored("issue_comment: not on a pull request");
  if (field(payload, "sender.type") === "Bot") return ignored("issue_comment: by a bot");
  const text = parseCommand(read(payload, "comment.body", aComment));
  if (text === null) return ignored("issue_comment: no command");

  const number = read(payload, "issue.number", aPullNumber);
  const preview = previewOf(delivery, number);
  const meansPreview = text.argument === "preview" || (text.verb === "deploy" && text.argument === null);
  return command(delivery, meansPreview ? preview : null, {
    verb: text.verb,
    environment: meansPreview ? null : text.argument,
    actor: actor(payload),
    at: read(payload, "comment.created_at", aTime),
    source: { kind: "comment", number, commentId: read(payload, "comment.id", anId) },
  });
}

/** What the buttons of our check runs are called. */
const BUTTONS: ReadonlyMap<string, Command["verb"]> = new Map([
  ["approve", "approve"],
  ["rollback", "rollback"],
  ["release-hold", "release-hold"],
  ["retry", "deploy"],
]);

export function pressedButton(delivery: Delivery): Reading {
  const { payload } = delivery;
  const verb = BUTTONS.get(read(payload, "requested_action.identifier", aShortText));
  if (verb === undefined) return ignored("check_run.requested_action: a button that Proa does not know");
  if (field(payload, "sender.type") === "Bot") return ignored("check_run.requested_action: by a bot");
  const target = reportedTarget(delivery);
  if (typeof target === "string") return ignored(target);
  return command(delivery, target, {
    verb,
    environment: target.kind === "env" ? target.environment : null,
    actor: actor(payload),
    // The payload does not say when the button was pressed.
    at: delivery.receivedAt,
    source: {
      kind: "button",
      sha: read(payload, "check_run.head_sha", aSha),
      checkRunId: read(payload, "check_run.id", anId),
      externalId: read(payload, "check_run.external_id", aShortText),
    },
  });
}

/** The target that one of our own check runs reports on, or why there is none. Its `external_id` is a target's id, then `@…`. */
export function reportedTarget({ payload, event }: Delivery): Target | string {
  const [id] = read(payload, "check_run.external_id", aShortText).split("@", 1);
  const target = parseTargetId(id);
  if (target === null) return `${event}: the check run names no target`;
  const repoId = read(payload, "repository.id", aRepoId);
  return target.repoId === repoId ? target : `${event}: the check run names a target of another repository`;
}

const actor = (payload: unknown): Command["actor"] => ({
  login: read(payload, "sender.login", aLogin),
  id: read(payload, "sender.id", anId),
});

function command(delivery: Delivery, target: Target | null, command: Command): Reading {
  const repoId = read(delivery.payload, "repository.id", aRepoId);
  return messages({ ...origin(delivery), kind: "command", repoId, target, command });
}

/**
 * Under what a command is stored, so that it is applied once. A comment is one command for ever: its id is in the signed body,
 * while the delivery's GUID is in a header that is not, so a body replayed under another GUID changes nothing.
 */
export function commandId(message: CommandMessage): string {
  const { source } = message.command;
  return source.kind === "comment" ? `comment-${source.commentId}` : message.delivery;
}
