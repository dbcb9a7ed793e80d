import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { lot } from "./kernel.ts";

/** What a call is made to. It decides what can go wrong and how the failure looks. */
export type System = "github" | "registry" | "cluster" | "table" | "queue";

/** What can become of one call. */
export type Fault =
  /** Nothing happened, and the caller knows it. */
  | "unavailable"
  /** It took effect; the caller does not learn it. */
  | "lost answer"
  /** It did not take effect; the caller does not learn that either. */
  | "lost request"
  /** Held up on its way, it takes effect minutes after the caller has given up on it. */
  | "late effect"
  | "limited"
  /** What this read answered a little earlier. */
  | "stale"
  /** Another writer was faster. */
  | "conflict"
  /** The answer takes seconds, now and then longer than the message stays invisible: then a second worker starts on the same target. */
  | "slow"
  /** The process dies before its call is sent, or after it took effect. */
  | "killed before"
  | "killed after";

/** What one seed's world is like: most have only some kinds of faults, so that each kind also comes alone. */
export interface Weather {
  /** How often a call goes wrong. */
  readonly rate: number;
  readonly faults: ReadonlySet<Fault>;
  /** How often GitHub's webhooks come late, twice, or never. */
  readonly deliveries: number;
  /** How often a tick or a report's wake-up is lost, or late by minutes. */
  readonly ticks: number;
  /** How long a message the deployer works on stays invisible. Shorter than a walk: two workers on one target, again and again. */
  readonly visibilityMs: number;
}

const VISIBILITY_MS = 120_000;

export const CALM: Weather = { rate: 0, faults: new Set(), deliveries: 0, ticks: 0, visibilityMs: VISIBILITY_MS };

const FAULTS: readonly Fault[] = [
  "unavailable",
  "lost answer",
  "lost request",
  "late effect",
  "limited",
  "stale",
  "conflict",
  "slow",
  "killed before",
  "killed after",
];

export function weatherOf(draw: () => number): Weather {
  const rate = [0, 0.005, 0.01, 0.02, 0.05][Math.floor(draw() * 5)] ?? 0;
  const share = 0.3 + 0.7 * draw();
  const faults = new Set(FAULTS.filter(() => draw() < share));
  const often = () => [0, 0.05, 0.15, 0.3][Math.floor(draw() * 4)] ?? 0;
  const [deliveries, ticks] = [often(), often()];
  return { rate, faults, deliveries, ticks, visibilityMs: draw() < 0.15 ? 3_000 : VISIBILITY_MS };
}

/** The fault that this call meets; null: none. `reads`: it changes nothing. */
export function faultOf(
  { rate, faults }: Weather,
  { seed, call, system, reads }: { seed: number; call: number; system: System; reads: boolean },
): Fault | null {
  if (lot(seed, call, 0) >= rate) return null;
  const possible = FAULTS.filter((fault) => faults.has(fault) && canHappen(fault, system, reads));
  return possible[Math.floor(lot(seed, call, 1) * possible.length)] ?? null;
}

function canHappen(fault: Fault, system: System, reads: boolean): boolean {
  switch (fault) {
    case "unavailable":
    case "slow":
    case "killed before":
      return true;
    case "killed after":
    case "lost answer":
    case "lost request":
      return !reads;
    case "limited":
      return system !== "table" && system !== "queue";
    // GitHub is not read-your-writes, and neither is an index of DynamoDB; etcd and a table's item by its key are.
    case "stale":
      return reads && (system === "github" || system === "table");
    case "conflict":
    case "late effect":
      return !reads && system === "cluster";
  }
}

/** What the caller's adapter throws. The store's and the queue's SDKs throw errors of their own, which the walk leaves to the queue's retry. */
export function failure(
  fault: "unavailable" | "lost" | "limited",
  what: string,
  waitMs: number,
  system: System,
): Error {
  if (system === "table" || system === "queue") return new OwnFailure(`${what}: no answer`);
  return new OutsideError(problem(fault, what, waitMs));
}

function problem(fault: "unavailable" | "lost" | "limited", what: string, waitMs: number): Problem {
  switch (fault) {
    case "unavailable":
      return { code: "unavailable", detail: `${what}: 503`, retryable: true };
    case "lost":
      return { code: "unknown-result", detail: `${what}: no answer`, retryable: false };
    case "limited":
      return { code: "rate-limited", detail: `${what}: 429`, retryable: true, retryAfterMs: waitMs };
  }
}

/** Told from a bug by its type. */
export class OwnFailure extends Error {
  override readonly name = "OwnFailure";
}
