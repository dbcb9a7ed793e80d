import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import type { MovedClock } from "./moved-clock.ts";

/** What the adapter's views call their moments. */
const MOMENTS: ReadonlySet<string> = new Set(["createdAt", "deletedAt", "since", "updatedAt", "lastAt", "finishedAt"]);

/** A real cluster as Proa reads it in a world whose clock was moved: see `MovedClock`. Nothing but moments is changed. */
export function inWorldTime(cluster: Kubernetes, clock: MovedClock): Kubernetes {
  // The same shape as what came in: only numbers under those names are replaced, by numbers.
  const told = <T>(seen: T): T => replaced(seen, clock) as T;
  return {
    ...cluster,
    namespace: async (name) => told(await cluster.namespace(name)),
    ourNamespaces: async () => told(await cluster.ourNamespaces()),
    workloads: async (...args) => told(await cluster.workloads(...args)),
    deployment: async (...args) => told(await cluster.deployment(...args)),
    events: async (namespace, since) => told(await cluster.events(namespace, clock.realTime(since))),
  };
}

function replaced(value: unknown, clock: MovedClock): unknown {
  if (Array.isArray(value)) return value.map((item) => replaced(item, clock));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      MOMENTS.has(key) && typeof field === "number" ? clock.worldTime(field) : replaced(field, clock),
    ]),
  );
}
