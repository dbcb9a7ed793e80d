import type { ConfigProblem } from "./config.ts";
import type { KubeObject } from "./manifests.ts";
import type { Command } from "./message.ts";
import type { Digest, Millis, RepoName, Revision, Sha, Target } from "./names.ts";
import type { RolloutExpectation } from "./rollout.ts";

/** What a target has come to, in one word; `because` says it in a sentence. */
export type Phase =
  /** Nothing runs and nothing is wanted: never deployed, removed, or not eligible. */
  | "idle"
  /** Something is wanted and time or an event will bring it: checks, an image, a free slot. */
  | "waiting"
  /** Something is wanted and only a person can bring it: failed checks, bad config, an approval, a hold. */
  | "blocked"
  /** A revision is being written or watched. */
  | "rolling"
  /** Healthy, but still within its bake window. */
  | "baking"
  | "live"
  /** The newest rollout failed; `live` still names what serves. */
  | "failed"
  | "removing";

/**
 * The record of one target. Never deleted, so a reopened pull request goes on counting revisions. Written only by the
 * deployer, conditioned on the item's version: a second worker on the same target loses its write and exits.
 */
export interface TargetState {
  readonly target: Target;
  readonly installation: number;
  readonly repo: RepoName;
  readonly phase: Phase;
  readonly because: string;
  /** The highest revision ever claimed; 0: none. */
  readonly rev: Revision;
  /** The commit the target wants, and since when: quiet periods and image timeouts count from here. */
  readonly wanted: { readonly sha: Sha; readonly since: Millis } | null;
  /** What serves, as far as we know. */
  readonly live: LiveRelease | null;
  readonly previous: LiveRelease | null;
  readonly rollout: Rollout | null;
  readonly placements: Readonly<Record<string, Placement>>;
  readonly gatheredAt: Millis;
  readonly wake: { readonly n: number; readonly dueAt: Millis } | null;
  /** Grows with every wake ever asked for, so an old tick is known as such. */
  readonly wakes: number;
  /** Walks in a row that an outside failure ended. */
  readonly failures: number;
  /** Written before a preview is taken down; nothing is created while it stands. */
  readonly tombstone: { readonly at: Millis; readonly because: string } | null;
  /** The head whose time to live ran out; a newer head or `/deploy` clears it. */
  readonly expired: Sha | null;
  /** The release an approval is asked for: bound to its digests. */
  readonly awaiting: { readonly sha: Sha; readonly key: string; readonly since: Millis } | null;
  readonly approved: { readonly key: string; readonly by: string; readonly at: Millis } | null;
  /** The commit a failed rollout was for, so that it is not tried again by itself. */
  readonly failed: Failure | null;
  /** Deployments on GitHub that may still show as active. */
  readonly shown: readonly Revision[];
  /** The last answers to commands, newest last. */
  readonly answers: readonly CommandAnswer[];
  /** What the last gather saw, so that the next one can read everything side by side. */
  readonly seen: { readonly head: Sha; readonly base: string } | null;
  /** The head an event spoke of that GitHub's API does not show yet; looked for until it does or the event is too old. */
  readonly expecting: { readonly sha: Sha; readonly at: Millis } | null;
  readonly url: string | null;
  /** Commits whose status we left pending; each gets one terminal state when what contains it has ended. */
  readonly open: readonly Sha[];
  /** Pull requests whose comment tells of this environment's newest rollout. */
  readonly pulls: readonly number[];
  /** How many environments a release passes before this one; staging's words come before production's. */
  readonly depth: number;
  /** The diagnosis of `failed` or of what blocks, kept so that every report says the same. */
  readonly report: Report | null;
  readonly problems: readonly ConfigProblem[];
  /** Sentences for the comment: config that takes effect only after the merge, a tag that moved. */
  readonly notes: readonly string[];
  /** Hash of what was last put into the outbox, per surface: what did not change is not written again. */
  readonly told: Readonly<Record<string, string>>;
}

export interface Failure {
  readonly sha: Sha;
  readonly rev: Revision;
  readonly because: string;
  /** What serves instead, in a sentence; "": nothing does, or nobody knows. */
  readonly serves: string;
}

export interface Report {
  readonly sha: Sha;
  readonly title: string;
  /** Markdown. */
  readonly text: string;
}

export interface LiveRelease {
  readonly rev: Revision;
  readonly sha: Sha;
  /** Identifies the set of digests: what an approval is bound to, and what promotion compares. */
  readonly key: string;
  readonly digests: Readonly<Record<string, Digest>>;
  readonly healthyAt: Millis;
  /** How it came to be live, in a sentence that stays true: `4f2c1ab is live`, `rolled back to 4f2c1ab by @mo`. */
  readonly because: string;
}

export interface Rollout {
  readonly rev: Revision;
  readonly kind: "deploy" | "rollback";
  readonly sha: Sha;
  /** `applying`: claimed, and some writes may not have happened; `observing`: all written; `baking`: healthy once. */
  readonly step: "applying" | "observing" | "baking";
  readonly startedAt: Millis;
  readonly deadlineAt: Millis;
  readonly bakeUntil: Millis | null;
  readonly expectations: readonly (RolloutExpectation & { readonly cluster: string })[];
  /** Restarts per pod when the bake began. */
  readonly restarts: Readonly<Record<string, number>>;
}

/** Where a target's objects are in one cluster. */
export interface Placement {
  readonly namespace: string;
  /** Recorded before anything else goes into a namespace we made, and the precondition of deleting it. */
  readonly uid: string;
  /** Hash of everything applied that is not a Deployment. */
  readonly support: string;
}

/** A release never changes once written; `outcome` is written once, beside it. */
export interface Release {
  readonly rev: Revision;
  readonly kind: "deploy" | "rollback";
  readonly sha: Sha;
  /** The commit whose `.proa.yml` it was rendered from. */
  readonly configRef: string;
  readonly key: string;
  readonly services: readonly ReleasedService[];
  /** Rendered with `revision` and `commit` of this release. */
  readonly objects: readonly KubeObject[];
  readonly namespace: string;
  readonly clusters: readonly string[];
  readonly url: string | null;
  readonly actor: string;
  readonly createdAt: Millis;
  readonly bakeMs: Millis;
  readonly deadlineMs: Millis;
  /** Which Secret was copied; its values are in no record. */
  readonly secrets: { readonly from: string; readonly keys: readonly string[] } | null;
  /** Whether a failed rollout of this release is followed by the one before it. */
  readonly rollback: "auto" | "off";
  /** Pull requests that this release brings in. */
  readonly pulls: readonly number[];
  /** In patch mode: the Deployments that exist already. */
  readonly patch: readonly PatchedWorkload[];
}

export interface ReleasedService {
  readonly name: string;
  readonly image: string;
  readonly digest: Digest;
}

export interface PatchedWorkload {
  readonly service: string;
  readonly deployment: string;
  readonly container: string;
  readonly image: string;
}

export interface CommandRecord {
  readonly id: string;
  readonly command: Command;
  readonly appliedAt: Millis | null;
}

export interface Hold {
  readonly sha: Sha;
  /** The branch's tip when the hold was set: everything up to here is held with it, a newer commit is presumed to carry the fix. */
  readonly upTo: Sha | null;
  readonly by: string;
  readonly because: string;
  readonly at: Millis;
}

export interface CommandAnswer {
  readonly id: string;
  readonly verb: string;
  readonly by: string;
  readonly at: Millis;
  readonly accepted: boolean;
  readonly answer: string;
  /** The comment it answers; null: a button. */
  readonly comment: { readonly number: number; readonly commentId: number } | null;
}

export function newTarget(target: Target, installation: number, repo: RepoName): TargetState {
  return {
    target,
    installation,
    repo,
    phase: "idle",
    because: "never deployed",
    rev: 0 as Revision,
    wanted: null,
    live: null,
    previous: null,
    rollout: null,
    placements: {},
    gatheredAt: 0,
    wake: null,
    wakes: 0,
    failures: 0,
    tombstone: null,
    expired: null,
    awaiting: null,
    approved: null,
    failed: null,
    shown: [],
    answers: [],
    seen: null,
    expecting: null,
    url: null,
    open: [],
    pulls: [],
    depth: 0,
    report: null,
    problems: [],
    notes: [],
    told: {},
  };
}

/** A failure as people read it: what went wrong, and what serves. */
export const failedText = ({ because, serves }: Failure): string =>
  [because, serves].filter((part) => part !== "").join(" ");
