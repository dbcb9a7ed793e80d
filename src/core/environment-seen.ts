import type { Verdict } from "./checks.ts";
import type { ConfigProblem, EnvironmentConfig, RepoConfig } from "./config.ts";
import type { ImageSeen, PendingCommand } from "./decision.ts";
import type { Millis, Sha } from "./names.ts";
import type { Hold, Release, TargetState } from "./state.ts";

/** Everything an environment's decision depends on, read at one moment. */
export interface EnvironmentSeen {
  readonly now: Millis;
  readonly state: TargetState;
  readonly commands: readonly PendingCommand[];
  readonly holds: readonly Hold[];
  readonly repositoryActive: boolean;
  readonly config:
    | { readonly config: RepoConfig }
    /** `sha`: the commit that carries them; null: not known. */
    | { readonly problems: readonly ConfigProblem[]; readonly sha: Sha | null };
  /** null: `.proa.yml` has no such environment (any more). */
  readonly env: EnvironmentConfig | null;
  readonly source: Source;
  /** The release that a rollback goes to (`rollbackTo`). */
  readonly previous: Release | null;
  /** null: in order; otherwise what the cluster's owner has to do first. */
  readonly namespaceProblem: string | null;
  /** What the event said the branch's tip is, and when; the API may still show an older one. */
  readonly hinted: TargetState["expecting"];
}

export type Source =
  /** Nothing to deploy yet: no such branch, or the environment before has nothing healthy. */
  | { readonly kind: "nothing"; readonly because: string }
  /** What could be deployed, newest first, none older than what is live. `tip`: the branch's own. */
  | {
      readonly kind: "candidates";
      readonly tip: Sha;
      readonly relation: Relation;
      readonly candidates: readonly Candidate[];
    };

/** How the source stands to what is live here: only `ahead` is followed unasked. */
export type Relation = "first" | "ahead" | "identical" | "behind" | "diverged";

export interface Candidate {
  readonly sha: Sha;
  readonly verdict: Verdict;
  readonly images: readonly ImageSeen[];
  /** Logins who wrote it or its pull request, for `notAuthor`. */
  readonly authors: readonly string[];
  readonly pulls: readonly number[];
}
