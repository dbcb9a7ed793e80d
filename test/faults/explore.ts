import { isDeepStrictEqual } from "node:util";
import type { TestContext } from "vitest";
import { type Call, type Fault, FAULTS } from "./fault.ts";
import type { FaultJourney } from "./journey.ts";
import type { Lane } from "./lane.ts";
import { type Before, type Outcome, outcomeOf, standing } from "./outcome.ts";
import { type Point, pointsOf } from "./points.ts";
import { startTown, type Town, type TownOptions } from "./town.ts";

export interface Exploration {
  readonly journey: string;
  /** Places at which the undisturbed journey makes an outside call. */
  readonly sites: number;
  readonly tried: number;
  /** Converged by the queue's redelivery, the record's own wake, or the overdue sweep of each minute. */
  readonly byThemselves: number;
  /** These needed the next GitHub sweep. */
  readonly bySweep: number;
  /** Points whose call did not come about this time, however often it was tried: nothing is shown for them. */
  readonly notMet: readonly string[];
  /** What did not converge, with what it came to instead. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

export interface ExploreOptions extends Pick<TownOptions, "cluster"> {
  readonly faults?: readonly Fault[];
  /** Whose calls; all of them if left out. */
  readonly functions?: readonly string[];
  readonly lanes?: number;
  /** What journeys before this one have tried; see `pointsOf`. */
  readonly tried?: Set<string>;
}

/** 1: all of them, which takes the better part of an hour on two cores. CI, which has less, takes every so many-th of each journey. */
const EVERY = Number(process.env["FAULTS_EVERY"] ?? 1);
/** A message of a process that died comes back after two minutes; all else is faster. */
const REDELIVERED_MS = 130_000;
/** What it brought takes its time: a rollout that crashes, bakes and is rolled back. */
const FINISHED_MS = 90_000;
/** The schedule's ten minutes, and five more: so long the lease of a sweep that died keeps another one away. */
const SWEPT_MS = 16 * 60_000;
/** A call that depends on who is faster comes about the second or third time. */
const ATTEMPTS = 3;

/** Tells a journey without a fault, then once for every fault at every outside call that it made, and compares how each ended. */
export async function explore(
  t: TestContext,
  journey: FaultJourney,
  options: ExploreOptions = {},
): Promise<Exploration> {
  const began = performance.now();
  const { faults = FAULTS, functions, lanes = 8, cluster, tried = new Set() } = options;
  const town = await startTown(t, {
    lanes: journey.alone ? 1 : lanes,
    seed: journey.seed,
    ...(cluster ? { cluster } : {}),
  });
  await prepare(town, journey, town.lanes);
  const { sites, expected } = await record(town, journey);

  const points = pointsOf(sites, tried)
    .filter(({ site, fault }) => faults.includes(fault) && (functions?.some((fn) => site.startsWith(`${fn} `)) ?? true))
    .filter((_, index) => index % EVERY === 0);
  const failures: string[] = [];
  let byThemselves = 0;
  let bySweep = 0;
  let left = points;
  for (let attempt = 0; attempt < ATTEMPTS && left.length > 0; attempt++) {
    const unmet: Point[] = [];
    for (let from = 0; from < left.length; from += town.lanes.length) {
      const batch = left.slice(from, from + town.lanes.length);
      for (const told of await tell(town, journey, batch, expected)) {
        if (told.outcome !== null) {
          failures.push(difference(told.point, expected, told.outcome));
          await town.replace(told.lane);
          await prepare(town, journey, town.lanes.slice(-1));
        } else if (!told.met) unmet.push(told.point);
        else if (told.swept) bySweep++;
        else byThemselves++;
      }
    }
    left = unmet;
  }
  return {
    journey: journey.name,
    sites: sites.size,
    tried: points.length - left.length,
    byThemselves,
    bySweep,
    notMet: left.map(inWords),
    failures,
    seconds: Math.round((performance.now() - began) / 1000),
  };
}

async function prepare(town: Town, { begin }: FaultJourney, lanes: readonly Lane[]): Promise<void> {
  for (const act of begin) {
    await Promise.all(lanes.map((lane) => act(lane, town)));
    await town.rest();
  }
  await town.pass(REDELIVERED_MS);
}

/** Every repository tells it once: all of them must end alike, and together they meet every call that there is to meet. */
async function record(town: Town, journey: FaultJourney): Promise<{ sites: Map<string, Call>; expected: Outcome }> {
  const sites = new Map<string, Call>();
  let expected: Outcome | null = null;
  // Twice: the second time begins where every later one does.
  for (const round of [1, 2]) {
    const told = await once(
      town,
      journey,
      town.lanes.map((lane) => ({ lane, point: null })),
    );
    for (const { lane, outcome } of told) {
      for (const [site, call] of lane.met) sites.set(site, call);
      expected ??= outcome;
      if (!isDeepStrictEqual(expected, outcome))
        throw new Error(
          `${journey.name}: two undisturbed tellings differ (round ${round}):\n${changed(expected, outcome)}`,
        );
    }
  }
  if (expected === null) throw new Error(`${journey.name}: there is no repository`);
  return { sites, expected };
}

interface Told {
  readonly lane: Lane;
  readonly point: Point;
  readonly met: boolean;
  readonly swept: boolean;
  /** null: as expected. */
  readonly outcome: Outcome | null;
}

async function tell(town: Town, journey: FaultJourney, batch: readonly Point[], expected: Outcome): Promise<Told[]> {
  const cast = batch.flatMap((point, index) => {
    const lane = town.lanes[index];
    return lane === undefined ? [] : [{ lane, point }];
  });
  const told = await once(town, journey, cast);
  const differs = async ({ lane, before }: { lane: Lane; before: Before }): Promise<boolean> =>
    !isDeepStrictEqual(await outcomeOf(town, lane, before), expected);
  const late: (typeof told)[number][] = told.filter(({ outcome }) => !isDeepStrictEqual(outcome, expected));
  if (late.length > 0) await town.pass(FINISHED_MS);
  const unswept = new Set<Lane>();
  for (const one of late) if (await differs(one)) unswept.add(one.lane);
  if (unswept.size > 0) await town.pass(SWEPT_MS);
  return Promise.all(
    told.map(async ({ lane, point, before }) => {
      const swept = unswept.has(lane);
      const outcome = swept ? await outcomeOf(town, lane, before) : expected;
      return { lane, point, met: lane.hit(), swept, outcome: isDeepStrictEqual(outcome, expected) ? null : outcome };
    }),
  );
}

async function once<P extends Point | null>(
  town: Town,
  { ready, acts }: FaultJourney,
  cast: readonly { readonly lane: Lane; readonly point: P }[],
) {
  for (const act of ready) {
    await Promise.all(cast.map(({ lane }) => act(lane, town)));
    await town.rest();
  }
  const befores = await Promise.all(cast.map(({ lane }) => standing(town, lane)));
  for (const { lane, point } of cast) {
    lane.forgetCommits();
    lane.arm(point);
  }
  for (const act of acts) {
    await Promise.all(cast.map(({ lane }) => act(lane, town)));
    await town.rest();
  }
  await town.pass(REDELIVERED_MS);
  return Promise.all(
    cast.map(async ({ lane, point }, index) => {
      const before: Before = befores[index] ?? new Map<string, never>();
      return { lane, point, before, outcome: await outcomeOf(town, lane, before) };
    }),
  );
}

const inWords = ({ site, fault }: Point): string => `${fault} — ${site}`;

const difference = (point: Point, expected: Outcome, outcome: Outcome): string =>
  `${inWords(point)}\n${changed(expected, outcome)}`;

function changed(expected: Outcome, outcome: Outcome): string {
  return Object.keys(expected)
    .flatMap((part) => {
      const [wanted, came] = [expected[part] ?? [], outcome[part] ?? []];
      const missing = wanted.filter((line) => !came.includes(line)).map((line) => `  - ${part}: ${line}`);
      const extra = came.filter((line) => !wanted.includes(line)).map((line) => `  + ${part}: ${line}`);
      return [...missing, ...extra];
    })
    .join("\n");
}

/** One line a journey, for people. */
export function summary({
  journey,
  sites,
  tried,
  byThemselves,
  bySweep,
  notMet,
  failures,
  seconds,
}: Exploration): string {
  const converged = byThemselves + bySweep;
  const rest = notMet.length === 0 ? "" : `, ${notMet.length} not met`;
  return `${journey}: ${sites} calls, ${converged} of ${tried} points converged (${bySweep} with the sweep), ${failures.length} did not${rest}; ${seconds} s`;
}
