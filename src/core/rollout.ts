import type { Workloads } from "./cluster.ts";
import type { Millis, Revision } from "./names.ts";

/** One service's rollout as we started it: what the cluster must show before it is done. */
export interface RolloutExpectation {
  readonly service: string;
  readonly deployment: string;
  /** uid when we wrote it: a Deployment deleted and made again by hand is not ours to judge. */
  readonly uid: string;
  readonly revision: Revision;
  /** `metadata.generation` that our write returned. */
  readonly generation: number;
  /** The image our write asked for, `name@sha256:…`. */
  readonly image: string;
  readonly startedAt: Millis;
  readonly deadlineAt: Millis;
  /** The write changed nothing (same image): an old ProgressDeadlineExceeded may still stand in the status. */
  readonly unchanged: boolean;
}

/** The judgement of one service; `because` is what a person reads. */
export type Judgement =
  | { readonly kind: "progressing"; readonly because: string }
  | { readonly kind: "healthy"; readonly because: string }
  /** Zero replicas asked for: accepted, but nothing runs, so never plain success. */
  | { readonly kind: "empty"; readonly because: string }
  /** Paused, or gone: only a person can move it. */
  | { readonly kind: "blocked"; readonly because: string }
  /** Someone wrote a later revision: stop watching, nothing failed. */
  | { readonly kind: "superseded"; readonly because: string }
  /** What runs is not what we wrote (undo, set image, an older revision): report and hold, do not fight. */
  | { readonly kind: "drift"; readonly because: string }
  | { readonly kind: "failed"; readonly because: string; readonly fault: "application" | "infrastructure"; readonly timedOut: boolean };

export type JudgeRollout = (expected: RolloutExpectation, live: Workloads, now: Millis) => Judgement;
