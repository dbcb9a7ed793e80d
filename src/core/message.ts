import type { Millis, RepoId, RepoName, Sha, Target } from "./names.ts";

/**
 * What travels on the deployer's FIFO queue. Except for commands a message decides nothing: it names something to look at
 * again. `v` is the format; what a version does with a later one is in `message-parse.ts`.
 */
export type Message =
  | LookMessage
  | CommitMessage
  | BranchMessage
  | ImageMessage
  | CommandMessage
  | TickMessage
  | InstallationMessage;

interface FromGitHub {
  readonly v: 1;
  /** `X-GitHub-Delivery`; for what Proa sends itself, an id that is unique for the send. */
  readonly delivery: string;
  readonly installation: number;
  readonly repo: RepoName;
  readonly receivedAt: Millis;
  /** What happened, for logs: `pull_request.synchronize`, `check_run.completed`. */
  readonly because: string;
}

/** Look at this target again. `sha`: the head the event spoke of; a read that shows an older one is stale. */
export interface LookMessage extends FromGitHub {
  readonly kind: "look";
  readonly target: Target;
  readonly sha: Sha | null;
}

/** Something about a commit changed and the event names no target: whoever waits for the commit looks again. */
export interface CommitMessage extends FromGitHub {
  readonly kind: "commit";
  readonly repoId: RepoId;
  readonly sha: Sha;
}

/** A branch moved: the environments that follow it look again. */
export interface BranchMessage extends FromGitHub {
  readonly kind: "branch";
  readonly repoId: RepoId;
  readonly branch: string;
  readonly sha: Sha;
}

/** An image arrived in a registry. Which installation it concerns, the store knows (who waits for the tag). */
export interface ImageMessage {
  readonly v: 1;
  readonly kind: "image";
  readonly delivery: string;
  readonly receivedAt: Millis;
  readonly because: string;
  readonly repository: string;
  readonly tag: string;
}

/** What GitHub cannot be asked about later. Stored by delivery id, applied once, its actor's permission read when it is applied. */
export interface CommandMessage extends FromGitHub {
  readonly kind: "command";
  /** Where the event itself names the target (a button, `/deploy` on a pull request); null: `command.environment` and the config decide. */
  readonly target: Target | null;
  readonly repoId: RepoId;
  readonly command: Command;
}

export interface Command {
  readonly verb: "approve" | "rollback" | "release-hold" | "deploy";
  /** As written; null: not said. */
  readonly environment: string | null;
  readonly actor: { readonly login: string; readonly id: number };
  /** When GitHub says it happened. */
  readonly at: Millis;
  readonly source:
    | { readonly kind: "comment"; readonly number: number; readonly commentId: number }
    | { readonly kind: "button"; readonly sha: Sha; readonly checkRunId: number; readonly externalId: string };
}

/** A delayed message of our own: the target asked to be looked at now. Dropped unless `n` is its current wake. */
export interface TickMessage {
  readonly v: 1;
  readonly kind: "tick";
  readonly target: Target;
  readonly n: number;
}

/** The App was suspended, deleted, or lost or gained repositories. */
export interface InstallationMessage extends Omit<FromGitHub, "repo"> {
  readonly kind: "installation";
  readonly change: "suspended" | "active" | "deleted";
  /** Repositories added to or removed from the installation; empty: the whole installation. */
  readonly repositories: readonly {
    readonly id: RepoId;
    readonly name: RepoName;
    readonly change: "added" | "removed";
  }[];
}

/** The queue's message group: one at a time per target, in order. */
export type Group = string;
