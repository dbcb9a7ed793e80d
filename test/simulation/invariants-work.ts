import { targetId } from "../../src/core/names.ts";
import { clockTime } from "./chronicle.ts";
import { commandsOf, releasesOf, targetsOf } from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";

/** Whether what was taken on was done, once, and whether it came to an end. */
export const WORK: readonly Invariant[] = [
  { sentence: "no function throws anything but what it was handed", check: bugs },
  { sentence: "work ends: what is left is looking now and then at what waits for somebody", check: ends },
  { sentence: "a target that wants to be looked at is", check: overdue },
  { sentence: "a command that was taken is answered, or kept for a person", check: commands },
  { sentence: "a command is applied once", check: once },
];

function bugs({ world }: End): string[] {
  return world.functions.bugs.map(
    ({ at, lane, error }) =>
      `${lane} at ${clockTime(at)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
}

/** A rollout that waits for a person, or a preview that waits for a slot, looks once a minute; a tick is one message. */
const LOOKS_A_MINUTE = 1.5;

function ends(end: End): string[] {
  const { lately } = end;
  const most = Math.ceil(LOOKS_A_MINUTE * targetsOf(end).length * lately.minutes) + 20;
  return lately.messages > most
    ? [`${lately.messages} messages in the last ${lately.minutes} minutes, and ${most} are many`]
    : [];
}

function overdue({ world }: End): string[] {
  return world.table
    .due("targets", world.kernel.now() - 3 * 60_000, 1000)
    .map(({ pk, due }) => `${pk} since ${clockTime(due?.at ?? 0)}`);
}

function commands({ world, story }: End): string[] {
  const taken = new Set(
    world.github.truth
      .attempts()
      .filter(({ event, guid }) => event === "issue_comment" && world.taken.has(guid))
      .map(({ payload }) => (payload["comment"] as { id: number }).id),
  );
  const dead = world.queue.deadLetters().map(({ body }) => body);
  return story.commands.flatMap(({ repo, number, commentId, body, by }) => {
    const comment = repo.comments.get(commentId);
    if (!/^\/(approve|rollback|release-hold|deploy)\b/.test(body) || !taken.has(commentId) || comment === undefined)
      return [];
    const isDead = dead.some((message) => message.includes(`"commentId":${commentId}`));
    return comment.reactions.length > 0 || isDead ? [] : [`${body} by @${by} on ${repo.name}#${number}`];
  });
}

/** A rollback that was applied twice goes back two releases. */
function once(end: End): string[] {
  return targetsOf(end).flatMap((target) => {
    const records = commandsOf(end, target);
    const people = new Set(records.map(({ command }) => command.actor.login));
    const rollbacks = releasesOf(end, target).filter(({ kind }) => kind === "rollback");
    return [...people].flatMap((login) => {
      const ordered = records.filter(
        ({ command }) => command.verb === "rollback" && command.actor.login === login,
      ).length;
      const done = rollbacks.filter(({ actor }) => actor === login).length;
      return done > ordered ? [`${targetId(target)}: ${ordered} rollbacks ordered by @${login}, ${done} done`] : [];
    });
  });
}
