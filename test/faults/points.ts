import { type Call, type Fault, FAULTS, isRead, nameOf, refuses } from "./fault.ts";
import type { Site } from "./invocation.ts";

/** One fault at one place. */
export interface Point {
  readonly site: Site;
  readonly fault: Fault;
}

/**
 * The points of a journey's calls that differ from each other. Left out, because nobody could tell it from a point that is in:
 *
 * - dying at a read: the same is left behind by dying after the write before it, or before the run's first call;
 * - a timeout or a reset of a read: every adapter says `unavailable` for them as for a 5xx;
 * - the same read of the same function in another situation, and a 429 of another read of the same system: one place catches them;
 * - a 5xx and a reset of the table and the queue: an SDK's error either way, thrown through to the queue's retry as before a death;
 * - what another journey met that functions do which know nothing of journeys: the door, the ticks, the reporter.
 *
 * @param tried what earlier journeys have tried; this one's is added
 */
export function pointsOf(sites: ReadonlyMap<Site, Call>, tried: Set<string>): Point[] {
  return [...sites].flatMap(([site, call]) => {
    const isNew = (what: string): boolean => {
      const fresh = !tried.has(what);
      tried.add(what);
      return fresh;
    };
    const [fn = ""] = site.split(" ");
    const points = (faults: readonly Fault[]): Point[] => faults.map((fault) => ({ site, fault }));
    const begins = isNew(site.slice(0, site.indexOf(nameOf(call)))) ? (["die before"] as const) : [];
    if (isRead(call)) {
      const failing = isNew(`${fn} ${nameOf(call)}`) ? (["5xx"] as const) : [];
      const limited = !OWN.has(call.effect) && isNew(`${fn} ${call.effect} 429`) ? (["429"] as const) : [];
      return points([...begins, ...failing, ...limited]);
    }
    if (fn !== "deployer" && !isNew(site)) return [];
    return points(faultsOfWrite(call, fn));
  });
}

function faultsOfWrite(call: Call, fn: string): readonly Fault[] {
  if (fn === "door" || call.effect === "outbox") return ["die before", "die after"];
  if (!OWN.has(call.effect)) return FAULTS;
  return ["die before", "die after", "timeout after", ...(refuses(call) ? (["409/422"] as const) : [])];
}

const OWN = new Set(["store", "queue", "outbox"]);
