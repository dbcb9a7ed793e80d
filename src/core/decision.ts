import type { Permission } from "./config.ts";
import type { Command } from "./message.ts";
import type { Digest, Millis, Sha } from "./names.ts";
import type { CommandAnswer, Hold, PatchedWorkload, ReleasedService, TargetState } from "./state.ts";

/** What the walk does next, decided without touching anything. `next` is the record to write before acting. */
export interface Decision {
  readonly next: TargetState;
  readonly act: Act;
  /** When to look again by ourselves; null: only an event can change anything. */
  readonly wakeInMs: Millis | null;
  readonly holds: { readonly put: readonly Hold[]; readonly remove: readonly Sha[] };
  readonly applied: readonly CommandAnswer[];
  /** Images whose arrival should wake this target. Its wanted commit always does. */
  readonly awaitedImages: readonly { readonly image: string; readonly tag: string }[];
  readonly slot: "keep" | "take" | "leave";
}

export type Act =
  | { readonly kind: "none" }
  | { readonly kind: "deploy"; readonly plan: DeployPlan }
  | { readonly kind: "observe" }
  | { readonly kind: "remove" };

/** A release before it has a revision. */
export interface DeployPlan {
  readonly kind: "deploy" | "rollback";
  readonly sha: Sha;
  readonly services: readonly ReleasedService[];
  readonly patch: readonly PatchedWorkload[];
  readonly actor: string;
  readonly pulls: readonly number[];
  readonly because: string;
  /** For a rollback: the release whose objects are applied again. */
  readonly of: number | null;
}

export interface PendingCommand {
  readonly id: string;
  readonly command: Command;
  /** Read now, when the command is applied, not when it was given. */
  readonly permission: Permission | "none";
}

/** One service's image as the gather found it. */
export interface ImageSeen {
  readonly service: string;
  readonly image: string;
  readonly tag: string;
  readonly found:
    | { readonly kind: "digest"; readonly digest: Digest; readonly moved: Digest | null }
    | { readonly kind: "absent" }
    | { readonly kind: "refused"; readonly because: string };
}

const RANK: Readonly<Record<Permission | "none", number>> = {
  none: 0,
  read: 1,
  triage: 2,
  write: 3,
  maintain: 4,
  admin: 5,
};

export const permits = (has: Permission | "none", needs: Permission): boolean => RANK[has] >= RANK[needs];

export function answer(pending: PendingCommand, now: Millis, accepted: boolean, text: string): CommandAnswer {
  const { verb, actor, source } = pending.command;
  const comment = source.kind === "comment" ? { number: source.number, commentId: source.commentId } : null;
  return { id: pending.id, verb, by: actor.login, at: now, accepted, answer: text, comment };
}

/** The set of digests as one comparable name. */
export const releaseKey = (services: readonly ReleasedService[]): string =>
  services
    .map(({ name, digest }) => `${name}=${digest}`)
    .sort()
    .join(" ");

/** "web and worker", "web, api and worker". */
export function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? "";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}
