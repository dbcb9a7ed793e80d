import type { EventView } from "./cluster.ts";
import type { Millis } from "./names.ts";

/** The reasons that every healthy start leaves behind; krane's list and the kubelet's newer ones. */
const COMMON = new Set([
  "Started",
  "Created",
  "SuccessfulCreate",
  "SuccessfulDelete",
  "Scheduled",
  "Pulling",
  "Pulled",
  "ScalingReplicaSet",
]);

/** Events since just before our write, about the things that matter, in the order they last happened. */
export function tellingEvents(
  events: readonly EventView[],
  about: ReadonlySet<string>,
  startedAt: Millis,
): EventView[] {
  return events
    .filter((event) => about.has(event.about) && !COMMON.has(event.reason))
    .filter((event) => (event.lastAt ?? startedAt) >= startedAt - 5_000)
    .sort((a, b) => (a.lastAt ?? 0) - (b.lastAt ?? 0));
}

/** `Pod/web-abc: BackOff: Back-off restarting failed container (3 events)`, the same words once. */
export function eventLines(events: readonly EventView[]): string[] {
  const counts = new Map<string, number>();
  for (const { about, reason, message, count } of events) {
    const words = `${about}: ${reason}: ${message}`;
    counts.set(words, (counts.get(words) ?? 0) + count);
  }
  return [...counts].map(([words, count]) => `${words} (${count} ${count === 1 ? "event" : "events"})`);
}

/** An autoscaler is bringing a node: Cluster Autoscaler says TriggeredScaleUp, Karpenter says Nominated. */
export const scalesUp = (events: readonly EventView[], since: Millis): boolean =>
  events.some(
    ({ about, reason, lastAt }) =>
      about.startsWith("Pod/") && /^(TriggeredScaleUp|Nominated)$/.test(reason) && (lastAt ?? 0) >= since,
  );
