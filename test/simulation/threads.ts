import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { orders, playOrders } from "./orders.ts";
import { run } from "./run.ts";
import { type Shrunk, shrink } from "./shrink.ts";

/** What one thread is to do. */
export type Share =
  | { readonly kind: "seeds"; readonly from: number; readonly step: number; readonly count: number }
  | { readonly kind: "orders"; readonly from: number; readonly step: number };

export interface Found extends Shrunk {
  readonly seed: number;
  readonly others: number;
}

/** What one thread has seen since it last said something. */
export interface Tally {
  readonly done: number;
  readonly events: number;
  readonly calls: number;
  readonly messages: number;
  readonly happened: Readonly<Record<string, number>>;
  readonly states: readonly string[];
  readonly found: readonly Found[];
  /** How pull requests ended, and one order of deliveries that led there. */
  readonly ends: Readonly<Record<string, readonly number[]>>;
}

/** More failing seeds than these say nothing new. */
const MOST_FOUND = 3;
/** So many pull requests share a world. */
const BATCH = 24;

const NOTHING: Tally = { done: 0, events: 0, calls: 0, messages: 0, happened: {}, states: [], found: [], ends: {} };

/** Runs each share in a thread of its own. */
export async function inThreads(shares: readonly Share[], heard: (tally: Tally) => void): Promise<void> {
  await Promise.all(
    shares.map(
      (share) =>
        new Promise<void>((resolve, reject) => {
          const worker = new Worker(new URL(import.meta.url), { workerData: share });
          worker.on("message", heard);
          worker.on("error", reject);
          worker.on("exit", () => resolve());
        }),
    ),
  );
}

// A thread of Node has no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
const say = (tally: Partial<Tally>): void => parentPort?.postMessage({ ...NOTHING, ...tally });

async function seeds({ from, step, count }: Extract<Share, { kind: "seeds" }>): Promise<void> {
  let failures = 0;
  for (let index = 0; index < count; index++) {
    const each = await run(from + index * step);
    const happened: Record<string, number> = {};
    for (const { kind } of each.happenings) happened[kind] = (happened[kind] ?? 0) + 1;
    const isTold = each.violations.length > 0 && ++failures <= MOST_FOUND;
    const found = isTold ? [{ seed: each.seed, others: each.violations.length - 1, ...(await shrink(each)) }] : [];
    const { events, calls, messages } = each;
    say({ done: 1, events, calls, messages, happened, states: [...each.states], found });
  }
}

async function everyOrder({ from, step }: Extract<Share, { kind: "orders" }>): Promise<void> {
  const own = orders().filter((_, index) => index % step === from);
  for (let at = 0; at < own.length; at += BATCH) {
    const batch = own.slice(at, at + BATCH);
    const ends = await playOrders(batch);
    say({ done: batch.length, ends: Object.fromEntries(ends.map((end, index) => [end, batch[index] ?? []])) });
  }
}

if (!isMainThread && workerData !== null) {
  const share = workerData as Share;
  await (share.kind === "seeds" ? seeds(share) : everyOrder(share));
}
