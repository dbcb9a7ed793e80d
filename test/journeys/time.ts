import { setTimeout as delay } from "node:timers/promises";
import type { World } from "../../local/world.ts";

const STRIDE_MS = 500;
const LONGEST_STRIDE_MS = 5 * 60_000;

/** Nothing runs and nothing is due: only time, or somebody, can change anything. */
export async function isIdle(world: World): Promise<boolean> {
  const { lambda, cluster, clock, ci, github } = world;
  if (lambda.busy() || cluster.busy() || world.sweeping() || (lambda.nextDueAt() ?? Infinity) <= clock.nowMs())
    return false;
  return (await settles(ci.idle())) && settles(github.idle());
}

/** One short wait, in real time while anything is busy, else on the world's clock: never past what is due next. */
export async function advance(world: World, mostMs: number = LONGEST_STRIDE_MS): Promise<number> {
  if (mostMs <= 0 || !(await isIdle(world))) {
    await delay(10);
    return 0;
  }
  const { clock, lambda } = world;
  const left = (lambda.nextDueAt() ?? Infinity) - clock.nowMs();
  // Probes and back-offs want small steps; the longer nothing is due, the less there is that could be missed.
  const stride = Math.max(STRIDE_MS, Math.min(left / 4, LONGEST_STRIDE_MS));
  const ms = Math.max(1, Math.min(mostMs, stride, left));
  clock.step(ms);
  // The cluster's controllers work in turns of the event loop that nobody counts.
  await delay(5);
  return ms;
}

async function settles(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => true), delay(20, false)]);
}
