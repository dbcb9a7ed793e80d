import { OutsideError, type Problem } from "../../src/core/problem.ts";
import type { Effects } from "../../src/effects.ts";

/** What becomes of one call: nothing odd, or a failure before or after it took effect. */
type Fate = "well" | "before" | "after" | "limited";

/**
 * Every adapter fails now and then: before anything happened, after it happened without an answer, or by a limit. GitHub, registry
 * and cluster fail as their adapters do; store and queue as an SDK does, which the walk leaves to the queue's retry.
 */
export function faulty(fx: Effects, fate: () => Fate): Effects {
  const outside = (call: string, outcome: Exclude<Fate, "well">): Error => new OutsideError(PROBLEMS[outcome](call));
  const own = (call: string): Error => new Error(`${call}: the table or the queue did not answer`);
  return {
    ...fx,
    store: failing(fx.store, "store", fate, own),
    queue: failing(fx.queue, "queue", fate, own),
    registries: failing(fx.registries, "registry", fate, outside),
    clusters: new Map([...fx.clusters].map(([name, cluster]) => [name, failing(cluster, "cluster", fate, outside)])),
    github: {
      ...failing(fx.github, "github", fate, outside),
      installation: (id) => failing(fx.github.installation(id), "github", fate, outside),
    },
  };
}

const PROBLEMS: Readonly<Record<Exclude<Fate, "well">, (call: string) => Problem>> = {
  before: (call) => ({ code: "unavailable", detail: `${call}: connection refused`, retryable: true }),
  after: (call) => ({ code: "unknown-result", detail: `${call}: no answer`, retryable: true }),
  limited: (call) => ({ code: "rate-limited", detail: `${call}: slow down`, retryable: true, retryAfterMs: 3_000 }),
};

function failing<T extends object>(
  adapter: T,
  name: string,
  fate: () => Fate,
  error: (call: string, outcome: Exclude<Fate, "well">) => Error,
): T {
  const methods = Object.entries(adapter).map(([method, call]: [string, unknown]) => {
    if (typeof call !== "function" || method === "installation") return [method, call];
    const failingCall = async (...args: unknown[]): Promise<unknown> => {
      const outcome = fate();
      if (outcome === "before" || outcome === "limited") throw error(`${name}.${method}`, outcome);
      const result: unknown = await call.apply(adapter, args);
      if (outcome === "after") throw error(`${name}.${method}`, outcome);
      return result;
    };
    return [method, failingCall];
  });
  return Object.fromEntries(methods) as T;
}

/** One call in `of` goes wrong, in each way as often. */
export const oneIn = (of: number, draw: () => number) => (): Fate => {
  if (draw() >= 1 / of) return "well";
  const way = draw();
  return way < 1 / 3 ? "before" : way < 2 / 3 ? "after" : "limited";
};
