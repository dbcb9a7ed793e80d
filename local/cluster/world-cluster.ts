import type { WorldClock } from "../clock.ts";
import type { Place } from "../ingress.ts";

/** What a world needs of its cluster: the local one, or a real one that somebody else runs. */
export interface WorldCluster {
  readonly clock: WorldClock;
  readonly url: string;
  kubeconfig(user: "admin" | "deployer"): string;
  route(host: string, path: string): Place | Promise<Place>;
  hosts(): readonly string[] | Promise<readonly string[]>;
  /** True while something in it is on its way: that takes real time, so hold the clock still. */
  busy(): boolean | Promise<boolean>;
  close(): Promise<void>;
}
