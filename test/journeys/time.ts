import { setTimeout as delay } from "node:timers/promises";
import type { World } from "../../local/world.ts";

const STRIDE_MS = 500;
const LONGEST_STRIDE_MS = 5 * 60_000;
/** Where each look is requests to other processes. */
const LOOK_AGAIN_MS = 150;

/** Nothing runs and nothing is due: only time, or somebody, can change anything. */
export async function isIdle(world: World): Promise<boolean> {
  const { cluster, ci, github } = world;
  if ((await isWorking(world)) || !(await settles(ci.idle())) || !(await settles(github.idle()))) return false;
  // A look at a real cluster takes a moment, in which something may have begun.
  return !(await cluster.busy()) && !(await isWorking(world));
}

const isWorking = async (world: World): Promise<boolean> =>
  (await world.lambda.busy()) ||
  world.sweeping() ||
  ((await world.lambda.nextDueAt()) ?? Infinity) <= world.clock.nowMs();

/** One short wait, in real time while anything is busy, else on the world's clock: never past what is due next. */
export async function advance(world: World, mostMs: number = LONGEST_STRIDE_MS): Promise<number> {
  return jump(world, (await isIdle(world)) ? mostMs : 0);
}

/** The same for a world that has just been found idle. */
export async function jump(world: World, mostMs: number = LONGEST_STRIDE_MS): Promise<number> {
  if (mostMs <= 0 || world.proaIsElsewhere || (await isWorking(world))) {
    await delay(world.proaIsElsewhere ? LOOK_AGAIN_MS : 10);
    return 0;
  }
  const { clock, lambda, clusterIsReal } = world;
  const left = ((await lambda.nextDueAt()) ?? Infinity) - clock.nowMs();
  // Probes and back-offs want small steps; the longer nothing is due, the less there is that could be missed. Those of a real cluster
  // do not run on this clock.
  const stride = clusterIsReal ? LONGEST_STRIDE_MS : Math.max(STRIDE_MS, Math.min(left / 4, LONGEST_STRIDE_MS));
  const ms = Math.max(1, Math.min(mostMs, stride, left));
  clock.step(ms);
  // The cluster's controllers work in turns of the event loop that nobody counts.
  await delay(5);
  return ms;
}

async function settles(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => true), delay(20, false)]);
}
