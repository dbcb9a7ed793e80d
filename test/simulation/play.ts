import type { ClusterModel } from "./cluster.ts";
import type { GitHubModel, Repo } from "./github.ts";
import type { Kernel } from "./kernel.ts";
import type { RegistryModel } from "./registry.ts";
import type { RepositoryPlan } from "./scenario.ts";

/** A sentence about what somebody did; null: it came to nothing. */
export type Deed = string | null;

export interface Action {
  readonly weight: number;
  readonly act: (play: Play) => Deed;
}

/** One moment at which somebody does something: to this repository, with dice of its own. */
export interface Play {
  readonly draw: () => number;
  readonly repo: Repo;
  readonly planned: RepositoryPlan;
  readonly github: GitHubModel;
  readonly cluster: ClusterModel;
  readonly registry: RegistryModel;
  readonly kernel: Kernel;
  /** A command was commented: it must be answered. */
  commanded(command: Commanded): void;
  /** A button was pressed on the report of that name. */
  pressed(repo: Repo, report: string): void;
  /** The default branch was moved back: what is live there may be no ancestor of its tip any more. */
  movedBack(repo: Repo): void;
  /** A tag names another image from now on: rightly so until Proa has resolved it. */
  movedTag(image: string, tag: string): void;
  /** What a namespace holds is no longer Proa's doing alone. */
  touched(namespace: string, how: string): void;
}

export interface Commanded {
  readonly repo: Repo;
  readonly number: number;
  readonly commentId: number;
  readonly body: string;
  readonly by: string;
}

export const pick = <T>(items: readonly T[], draw: number): T | undefined => items[Math.floor(draw * items.length)];
