import { chance } from "../journeys/chance.ts";
import { createChronicle, type Happening } from "./chronicle.ts";
import { type Weather, weatherOf } from "./faults.ts";
import { INVARIANTS, type Violation } from "./invariants.ts";
import { mix } from "./kernel.ts";
import { actOnce, open } from "./people.ts";
import { firstPlacements } from "./placements.ts";
import type { Action } from "./play.ts";
import { planOf, type Plan } from "./scenario.ts";
import { firstDigests } from "./ledger.ts";
import { visited } from "./states.ts";
import { type Storyteller, tell } from "./story.ts";
import { createWorld, type World } from "./world.ts";

export interface Run {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly happenings: readonly Happening[];
  /** The same for the same seed: a hash of every line of the trace. */
  readonly trace: string;
  readonly lines: readonly string[];
  readonly events: number;
  readonly calls: number;
  readonly messages: number;
  /** What records looked like, names and numbers aside. */
  readonly states: ReadonlySet<string>;
}

export interface RunOptions {
  /** The happenings that this run is cut down to; without: all of the seed's. */
  readonly only?: ReadonlySet<string>;
  readonly keepTrace?: boolean;
  readonly weather?: Weather;
  readonly plan?: Plan;
  /** What there is to do for people; without: everything. */
  readonly actions?: readonly Action[];
  /** What people do instead of what the seed has them do. */
  readonly script?: readonly Scripted[];
}

export interface Scripted {
  /** After the first releases went out. */
  readonly atMs: number;
  readonly act: (world: World, story: Storyteller) => void;
}

const MINUTE = 60_000;
/** The first releases go out in peace. */
const WARM_UP_MS = 5 * MINUTE;
/** Longer than every backoff, sweep and deadline, and than an hour's budget of writes. */
const QUIET_MS = 80 * MINUTE;
/** How long before the end work is counted: by then nothing but what waits for a person may be left. */
const LAST_MS = 20 * MINUTE;

/** One world from its beginning through a storm into quiet, and what is wrong with how it ended. */
export async function run(seed: number, options: RunOptions = {}): Promise<Run> {
  const plan = options.plan ?? planOf(chance(mix(seed, 1)));
  const weather = options.weather ?? weatherOf(chance(mix(seed, 2)));
  const chronicle = createChronicle({ only: options.only ?? null, keep: options.keepTrace ?? false });
  const world = createWorld({ seed, plan, weather, chronicle });
  const { kernel, calls, functions } = world;
  const states = visited(world.table);
  const firsts = firstDigests(world.table);
  const placed = firstPlacements(world.table, () => kernel.now());
  const story = tell(world, plan.repositories);

  for (const { atMs, act } of options.script ?? []) {
    kernel.at(WARM_UP_MS + atMs, "script", () => {
      act(world, story);
      story.observe();
    });
  }
  const times = chance(mix(seed, 3));
  const happens = (id: string, atMs: number, act: () => string | null): void =>
    kernel.at(WARM_UP_MS + atMs, id, () => {
      if (!chronicle.allows(id)) return;
      const text = act();
      if (text !== null) chronicle.happened({ id, at: kernel.now(), kind: "action", text });
    });
  for (let index = 0; options.script === undefined && index < plan.actions; index++)
    happens(`act ${index}`, times() * plan.stormMs, () =>
      story.act(chance(mix(seed, 1_000 + index)), (play) => actOnce(play, options.actions)),
    );
  for (let index = 0; index < (plan.crowd ?? 0); index++)
    happens(`crowd ${index}`, index * 2_000, () => story.act(chance(mix(seed, 100_000 + index)), open));

  const began = kernel.now();
  const quiet = began + WARM_UP_MS + plan.stormMs;
  await kernel.runUntil(quiet);
  world.calm();
  await kernel.runUntil(quiet + QUIET_MS - LAST_MS);
  const before = functions.invocations.deployer;
  await kernel.runUntil(quiet + QUIET_MS);

  const lately = { messages: functions.invocations.deployer - before, minutes: LAST_MS / MINUTE };
  const end = { world, story, plan, firsts, placed, lately };
  const violations = INVARIANTS.flatMap(({ sentence, check }) =>
    check(end).map((detail): Violation => ({ invariant: sentence, detail })),
  );
  const messages = Object.values(functions.invocations).reduce((sum, count) => sum + count, 0);
  return {
    seed,
    violations,
    happenings: chronicle.happenings,
    trace: chronicle.hash(),
    lines: chronicle.lines,
    events: kernel.events,
    calls: calls.figures.calls,
    messages,
    states,
  };
}
