import type { Lane, LaneSeed } from "./lane.ts";
import type { Town } from "./town.ts";

export type Act = (lane: Lane, town: Town) => Promise<void>;

/** A story that is told again and again in the same repository, each time with another fault in it. */
export interface FaultJourney {
  readonly name: string;
  readonly seed: (owner: string) => Pick<LaneSeed, "config" | "namespaces">;
  /** Once in each repository, without faults. */
  readonly begin: readonly Act[];
  /** Before each telling, without faults: what the last one left is put back to where the story begins. */
  readonly ready: readonly Act[];
  /** The story. After each act everybody waits until the world rests, but for whoever died. */
  readonly acts: readonly Act[];
  /** A journey of which all repositories are part at once is told in one at a time. */
  readonly alone?: true;
}
