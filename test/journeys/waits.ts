import type { Effects } from "../../src/effects.ts";

/** What one run of a function asked of the outside, in rounds: a round is everything that was asked for side by side. */
export interface Rounds {
  readonly calls: readonly { readonly round: number; readonly call: string }[];
}

/**
 * Effects whose answers all come at once, when every call that is under way has been answered and nothing more is asked: whatever
 * is asked after that has waited for an answer. Counts waits, not time, so that no machine is too slow for it.
 */
export function inRounds(fx: Effects): { readonly fx: Effects; readonly rounds: Rounds } {
  const calls: { round: number; call: string }[] = [];
  let round = 1;
  let unanswered = 0;
  let held: (() => void)[] = [];

  async function ask<T>(call: string, run: () => Promise<T>): Promise<T> {
    calls.push({ round, call });
    unanswered++;
    const [outcome] = await Promise.allSettled([run()]);
    unanswered--;
    const released = new Promise<void>((resolve) => held.push(resolve));
    void settle();
    await released;
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  }

  async function settle(): Promise<void> {
    const asked = calls.length;
    // A turn of the event loop is enough for whatever follows from answers that are there already.
    await new Promise((resolve) => void setImmediate(resolve));
    if (unanswered > 0 || calls.length > asked || held.length === 0) return;
    round++;
    const answered = held;
    held = [];
    for (const release of answered) release();
  }

  const over = <T extends object>(system: string, methods: T): T =>
    Object.fromEntries(
      Object.entries(methods).map(([name, method]: [string, unknown]) => [
        name,
        typeof method === "function"
          ? (...args: unknown[]) => ask(`${system}.${name}`, async () => method.apply(methods, args) as unknown)
          : method,
      ]),
    ) as T;
  return {
    rounds: { calls },
    fx: {
      ...fx,
      store: over("store", fx.store),
      queue: over("queue", fx.queue),
      registries: over("registry", fx.registries),
      github: { ...fx.github, installation: (id) => over("github", fx.github.installation(id)) },
      clusters: new Map([...fx.clusters].map(([name, cluster]) => [name, over("cluster", cluster)])),
    },
  };
}
