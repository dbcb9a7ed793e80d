import { type Call, type Fault, FAULTS, isRead, nameOf, refuses } from "./fault.ts";
import type { Site } from "./invocation.ts";

/** One fault at one place. */
export interface Point {
  readonly site: Site;
  readonly fault: Fault;
}

/**
 * The points of a journey's calls that differ from each other. Left out, because somebody could not tell it from a point that is in:
 *
 * - dying at a read: the same is left behind by dying after the write before it, or before the run's first call;
 * - a timeout or a reset of a read: every adapter says `unavailable` for them as for a 5xx;
 * - a 429 of the second read of the same outside system in the same situation: all of them are thrown to the same place;
 * - a 5xx and a reset of the table and the queue: an SDK's error either way, thrown through to the queue's retry as before a death;
 * - of `elsewhere`, reads and the functions that know nothing of journeys: tried in the same situation by another journey.
 */
export function pointsOf(sites: ReadonlyMap<Site, Call>, elsewhere: ReadonlySet<Site>): Point[] {
  const begun = new Set<string>();
  return [...sites].flatMap(([site, call]) => {
    const isFirst = (of: string): boolean => {
      const fresh = !begun.has(of);
      begun.add(of);
      return fresh;
    };
    const [fn = ""] = site.split(" ");
    const situation = site.slice(0, site.indexOf(nameOf(call)));
    const [firstCall, firstOfSystem] = [isFirst(situation), isFirst(`${situation}${call.effect}`)];
    if (elsewhere.has(site) && (isRead(call) || fn !== "deployer")) return [];
    const faults = faultsAt(call, { fn, firstCall, firstOfSystem });
    return faults.map((fault) => ({ site, fault }));
  });
}

function faultsAt(
  call: Call,
  { fn, firstCall, firstOfSystem }: { fn: string; firstCall: boolean; firstOfSystem: boolean },
): readonly Fault[] {
  if (fn === "door" || call.effect === "outbox") return isRead(call) ? [] : ["die before", "die after"];
  if (isRead(call)) {
    const limited = firstOfSystem && !OWN.has(call.effect) ? (["429"] as const) : [];
    return ["5xx", ...limited, ...(firstCall ? (["die before"] as const) : [])];
  }
  if (!OWN.has(call.effect)) return FAULTS;
  return ["die before", "die after", "timeout after", ...(refuses(call) ? (["409/422"] as const) : [])];
}

const OWN = new Set(["store", "queue", "outbox"]);
