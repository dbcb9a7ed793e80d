import { kindNamed, kinds } from "./kinds.ts";
import type { KubeObject } from "./object.ts";
import { StatusError } from "./status.ts";
import type { ObjectStore } from "./store.ts";
import type { WorldClock } from "../clock.ts";

export type Remove = (kind: (typeof kinds)[number], object: KubeObject) => Promise<unknown>;

const namespaces = kindNamed("Namespace");
const retryMs = 100;

/**
 * Ends namespaces as the namespace controller does: delete everything inside, say in the conditions what still remains, take
 * the `kubernetes` finalizer away when nothing does, and let the namespace go once nobody else's finalizer is left.
 * Replaces the simulator's own, which knows neither our stored kinds nor finalizers.
 */
export function endNamespaces(store: ObjectStore, clock: WorldClock, remove: Remove): () => void {
  const underWay = new Set<string>();
  const timers = new Set<number>();
  const following = store.follow(0, ({ kind, type, object }) => {
    if (kind === namespaces && type !== "DELETED" && object.metadata.deletionTimestamp !== undefined)
      start(object.metadata.name);
  });
  if (following === "gone") throw new Error("the store has no history yet");
  return () => {
    following();
    for (const timer of timers) clock.clearTimeout(timer);
  };

  function start(name: string): void {
    if (underWay.has(name)) return;
    underWay.add(name);
    setImmediate(() => void advance(name));
  }

  async function advance(name: string): Promise<void> {
    try {
      if (await sync(name)) return void underWay.delete(name);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error; // somebody else's write was quicker: look again
    }
    const timer = clock.setTimeout(() => {
      timers.delete(timer);
      void advance(name);
    }, retryMs);
    timers.add(timer);
  }

  async function sync(name: string): Promise<boolean> {
    const namespace = store.get(namespaces, undefined, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return true;
    const remaining: { what: string; finalizers: string[] }[] = [];
    for (const kind of kinds) {
      if (!kind.namespaced) continue;
      const found = store.list(kind, name);
      for (const object of found) if (object.metadata.deletionTimestamp === undefined) await remove(kind, object);
      const left = store.list(kind, name);
      if (left.length > 0)
        remaining.push({
          what: `${kind.plural}.${kind.group} has ${left.length} resource instances`,
          finalizers: left.flatMap(({ metadata }) => metadata.finalizers ?? []),
        });
    }
    const latest = store.get(namespaces, undefined, name);
    if (latest === undefined) return true;
    const next = structuredClone(latest);
    next.status = {
      phase: "Terminating",
      conditions: conditions(remaining, latest, new Date(clock.nowMs()).toISOString()),
    };
    if (remaining.length === 0) {
      next.spec = {
        ...next.spec,
        finalizers: finalizersOf(next).filter((finalizer) => finalizer !== "kubernetes"),
      };
    }
    if (JSON.stringify(next) !== JSON.stringify(latest)) await store.update(namespaces, next);
    const bare =
      (next.metadata.finalizers ?? []).length === 0 && remaining.length === 0 && finalizersOf(next).length === 0;
    if (bare) await store.delete(namespaces, undefined, name);
    return bare;
  }
}

function finalizersOf({ spec }: KubeObject): unknown[] {
  const finalizers = spec?.["finalizers"];
  return Array.isArray(finalizers) ? finalizers : [];
}

function conditions(
  remaining: readonly { what: string; finalizers: string[] }[],
  namespace: KubeObject,
  now: string,
): unknown[] {
  const counts = new Map<string, number>();
  for (const finalizer of remaining.flatMap(({ finalizers }) => finalizers))
    counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  const finalizers = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  const wanted = [
    ["NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"],
    [
      "NamespaceDeletionGroupVersionParsingFailure",
      "False",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ],
    [
      "NamespaceDeletionContentFailure",
      "False",
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ],
    remaining.length === 0
      ? ["NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed"]
      : [
          "NamespaceContentRemaining",
          "True",
          "SomeResourcesRemain",
          `Some resources are remaining: ${remaining.map(({ what }) => what).join(", ")}`,
        ],
    finalizers.length === 0
      ? [
          "NamespaceFinalizersRemaining",
          "False",
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        ]
      : [
          "NamespaceFinalizersRemaining",
          "True",
          "SomeFinalizersRemain",
          `Some content in the namespace has finalizers remaining: ${finalizers.join(", ")}`,
        ],
  ];
  const before = Array.isArray(namespace.status?.["conditions"])
    ? (namespace.status["conditions"] as { type: string; status: string; lastTransitionTime: string }[])
    : []; // written here
  return wanted.map(([type, status, reason, message]) => {
    const old = before.find((condition) => condition.type === type && condition.status === status);
    return {
      type,
      status,
      lastTransitionTime: old?.lastTransitionTime ?? now.replace(/\.\d+Z$/, "Z"),
      reason,
      message,
    };
  });
}
