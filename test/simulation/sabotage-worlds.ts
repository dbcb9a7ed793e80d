import { chance } from "../journeys/chance.ts";
import { CALM, type Fault, type Weather, weatherOf } from "./faults.ts";
import { mix } from "./kernel.ts";
import type { RunOptions } from "./run.ts";
import { planOf, type Plan } from "./scenario.ts";

/** A world in which one kind of trouble is common, so that few seeds are enough to see whether anything guards against it. */
export type Trouble = "any" | "crowded" | "late effects" | "two workers" | "deaths" | "lost events";

const MINUTE = 60_000;

export function troubled(trouble: Trouble, seed: number): RunOptions {
  const draw = chance(mix(seed, 4));
  const plan = planOf(chance(mix(seed, 1)));
  const weather = weatherOf(chance(mix(seed, 2)));
  switch (trouble) {
    case "any":
      return { plan, weather };
    case "crowded":
      return { plan: crowded(plan, draw), weather };
    case "late effects":
      return { plan: crowded(plan, draw), weather: only(["late effect", "lost answer"], 0.3) };
    case "two workers":
      return { plan: crowded(plan, draw), weather: { ...only(["slow"], 0.1), visibilityMs: 3_000 } };
    case "deaths":
      return { plan: crowded(plan, draw), weather: only(["killed before", "killed after", "lost answer"], 0.05) };
    case "lost events":
      return {
        plan: crowded(plan, draw),
        weather: { ...only(["stale", "unavailable"], 0.05), deliveries: 0.5, ticks: 0.3 },
      };
  }
}

/** Twice as many people in half the time, images that differ with every build, and few slots. */
const crowded = (plan: Plan, draw: () => number): Plan => ({
  ...plan,
  stormMs: 20 * MINUTE,
  actions: 60,
  ci: { ...plan.ci, rebuildsDiffer: 1, imageNever: 0 },
  repositories: plan.repositories
    .slice(0, 1)
    .map((repository) => ({ ...repository, config: { ...repository.config, cap: draw() < 0.5 ? 1 : 20 } })),
});

const only = (faults: readonly Fault[], rate: number): Weather => ({ ...CALM, faults: new Set(faults), rate });
