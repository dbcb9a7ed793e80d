import { answer, type DeployPlan, type PendingCommand, permits } from "./decision.ts";
import type { EnvironmentSeen } from "./environment-seen.ts";
import type { Command } from "./message.ts";
import { type Sha, short } from "./names.ts";
import type { CommandAnswer, Hold, LiveRelease, Release, TargetState } from "./state.ts";

/** What people have ordered, applied to the record: what the decision starts from. */
export interface Ordered {
  readonly state: TargetState;
  readonly holds: readonly Hold[];
  readonly put: readonly Hold[];
  readonly remove: readonly Sha[];
  readonly answers: readonly CommandAnswer[];
  readonly rollback: DeployPlan | null;
  /** `/deploy`: go to the newest even if it was held, failed, or is not ahead. Its checks still have to pass. */
  readonly force: boolean;
}

/** Commands in the order they were given; each changes what the next one sees. */
export function applyCommands(seen: EnvironmentSeen): Ordered {
  let ordered: Ordered = {
    state: seen.state,
    holds: seen.holds,
    put: [],
    remove: [],
    answers: [],
    rollback: null,
    force: false,
  };
  for (const pending of seen.commands) ordered = applyOne(seen, ordered, pending);
  const answers = [...seen.state.answers, ...ordered.answers].slice(-5);
  return { ...ordered, state: { ...ordered.state, answers } };
}

function applyOne(seen: EnvironmentSeen, ordered: Ordered, pending: PendingCommand): Ordered {
  const { command, permission } = pending;
  const { now, env } = seen;
  const { login } = command.actor;
  const say = (accepted: boolean, text: string) => ({
    answers: [...ordered.answers, answer(pending, now, accepted, text)],
  });
  const needs = command.verb === "approve" ? (env?.approve?.permission ?? "write") : "write";
  if (!permits(permission, needs)) {
    return {
      ...ordered,
      ...say(false, `@${login} needs ${needs} permission on ${seen.state.repo} (has ${permission})`),
    };
  }
  if (command.source.kind === "button" && isPast(command.verb, command.source.sha, ordered)) {
    const text = `the button was for ${short(command.source.sha)}, which is past: for what is here now write \`/${command.verb} <environment>\``;
    return { ...ordered, ...say(false, text) };
  }
  switch (command.verb) {
    case "deploy":
      if (isUpToDate(seen)) return { ...ordered, ...say(true, `${short(seen.state.live?.sha ?? "")} is live already`) };
      return {
        ...ordered,
        state: { ...ordered.state, failed: null },
        force: true,
        ...say(true, "deploying the newest commit whose checks pass"),
      };
    case "release-hold": {
      const remove = ordered.holds.map(({ sha }) => sha);
      if (remove.length === 0 && ordered.state.failed === null)
        return { ...ordered, ...say(false, "nothing is held here") };
      const state = { ...ordered.state, failed: null, report: null };
      return {
        ...ordered,
        state,
        holds: [],
        put: [],
        remove,
        ...say(true, `released ${remove.map(short).join(", ") || "the failed commit"}`),
      };
    }
    case "approve":
      return { ...ordered, ...approve(seen, ordered, pending, say) };
    case "rollback": {
      if (ordered.state.rollout?.kind === "rollback") {
        return { ...ordered, ...say(false, `a rollback to ${short(ordered.state.rollout.sha)} is under way`) };
      }
      const from = unproven(ordered.state) ?? ordered.state.live?.sha ?? null;
      const to = seen.previous;
      if (from === null || to === null)
        return { ...ordered, ...say(false, "there is no earlier release to go back to") };
      const because = `rolled back to ${short(to.sha)} by @${login}`;
      const upTo = seen.source.kind === "candidates" ? seen.source.tip : null;
      const hold: Hold = { sha: from, upTo, by: `@${login}`, because, at: now };
      const accepted = say(true, `rolling back from ${short(from)} to ${short(to.sha)}; ${short(from)} is held`);
      return {
        ...ordered,
        holds: [...ordered.holds, hold],
        put: [...ordered.put, hold],
        rollback: rollbackPlan(to, because, login),
        ...accepted,
      };
    }
  }
}

/**
 * A button stays on its check run for ever, and a signed press of it can be sent again under another delivery's id: it counts as
 * long as the commit it stands on is what it was about. An approval is held against the release that waits for one.
 */
function isPast(verb: Command["verb"], sha: Sha, { state, holds }: Ordered): boolean {
  switch (verb) {
    case "deploy":
      return state.failed?.sha !== sha;
    case "release-hold":
      return state.failed?.sha !== sha && !holds.some((hold) => hold.sha === sha);
    case "rollback":
      return state.live?.sha !== sha && unproven(state) !== sha;
    case "approve":
      return false;
  }
}

const isUpToDate = ({ source, state }: EnvironmentSeen): boolean =>
  source.kind === "candidates" && source.relation === "identical" && state.rollout === null && state.failed === null;

/** An approval counts for the digests that were shown when it was given, and for no other. */
function approve(
  seen: EnvironmentSeen,
  ordered: Ordered,
  { command }: PendingCommand,
  say: (accepted: boolean, text: string) => Pick<Ordered, "answers">,
): Partial<Ordered> {
  const { awaiting } = ordered.state;
  const { login } = command.actor;
  if (awaiting === null) return say(false, "nothing waits for an approval here");
  const meant =
    command.source.kind === "button" ? command.source.sha === awaiting.sha : command.at >= awaiting.since - 1_000;
  if (!meant) return say(false, `the approval was for an earlier release; ${short(awaiting.sha)} needs its own`);
  const candidate =
    seen.source.kind === "candidates" ? seen.source.candidates.find(({ sha }) => sha === awaiting.sha) : undefined;
  if (candidate === undefined) {
    return say(
      false,
      `${short(awaiting.sha)} is not what would be deployed any more; what is newer needs its own approval`,
    );
  }
  if (seen.env?.approve?.notAuthor && candidate.authors.includes(login)) {
    return say(false, `@${login} wrote ${short(awaiting.sha)}; someone else has to approve it`);
  }
  const approved = { key: awaiting.key, by: login, at: seen.now };
  return { ...say(true, `approved ${short(awaiting.sha)}`), state: { ...ordered.state, approved, awaiting: null } };
}

/** What `/rollback` goes back to: what was live before the newest deployment, whether that one is live, rolling out or has failed. */
export function rollbackTo({ rollout, failed, live, previous }: TargetState): LiveRelease | null {
  return unproven({ rollout, failed, live }) === null ? previous : live;
}

/** A deployment newer than what is live: rolling out, or failed and not rolled back. */
function unproven({ rollout, failed, live }: Pick<TargetState, "rollout" | "failed" | "live">): Sha | null {
  if (live === null) return null;
  if (rollout !== null) return rollout.kind === "deploy" ? rollout.sha : null;
  return failed !== null && failed.rev > live.rev ? failed.sha : null;
}

/** The plan that puts an earlier release back, as a new revision; its digests and objects are the release's own. */
export function rollbackPlan(to: Release, because: string, actor: string): DeployPlan {
  return {
    kind: "rollback",
    sha: to.sha,
    services: to.services,
    patch: to.patch,
    actor,
    pulls: [],
    because,
    of: to.rev,
  };
}
