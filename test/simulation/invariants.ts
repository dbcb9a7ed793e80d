import type { Millis } from "../../src/core/names.ts";
import { CLUSTER } from "./invariants-cluster.ts";
import { ENVIRONMENT_INVARIANTS } from "./invariants-environments.ts";
import { GITHUB } from "./invariants-github.ts";
import { PREVIEWS } from "./invariants-previews.ts";
import { RELEASES } from "./invariants-releases.ts";
import { WORK } from "./invariants-work.ts";
import type { Story } from "./story.ts";
import type { Plan } from "./scenario.ts";
import type { World } from "./world.ts";

/** How a world ended. */
export interface End {
  readonly world: World;
  readonly story: Story;
  readonly plan: Plan;
  /** The digest that each tag was first resolved to. */
  readonly firsts: ReadonlyMap<string, unknown>;
  /** When each namespace's uid was first in a target's record. */
  readonly placed: ReadonlyMap<string, Millis>;
  /** The deployer's messages in the last minutes. */
  readonly lately: { readonly messages: number; readonly minutes: number };
}

export interface Invariant {
  /** What always holds, as a person would say it. */
  readonly sentence: string;
  /** What speaks against it; nothing: it holds. */
  readonly check: (end: End) => string[];
}

export interface Violation {
  readonly invariant: string;
  readonly detail: string;
}

export const INVARIANTS: readonly Invariant[] = [
  ...WORK,
  ...PREVIEWS,
  ...ENVIRONMENT_INVARIANTS,
  ...RELEASES,
  ...CLUSTER,
  ...GITHUB,
];
