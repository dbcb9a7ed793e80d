import { chance } from "../journeys/chance.ts";
import { CALM, type Fault, type Weather, weatherOf } from "./faults.ts";
import { mix } from "./kernel.ts";
import { close, comment, merge, moveMainBack, open, pushMain, reopen, rerun } from "./people.ts";
import { deleteNamespace, holdNamespace, moveTag } from "./people-cluster.ts";
import { pushBad, remakeNamespace } from "./people-troubled.ts";
import type { Action } from "./play.ts";
import type { RunOptions } from "./run.ts";
import { PLAIN, planOf, type Plan } from "./scenario.ts";

/** A world in which one kind of trouble is common, so that few seeds are enough to see whether anything guards against it. */
export type Trouble =
  | "any"
  | "crowded"
  | "late effects"
  | "two workers"
  | "deaths"
  | "lost events"
  | "moved tags"
  | "bad commits"
  | "made again"
  | "told twice";

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
    case "moved tags":
      return { plan: crowded(plan, draw), weather: CALM, actions: MOVED_TAGS };
    case "bad commits":
      return {
        plan: flaky(steady(crowded(plan, draw))),
        weather: { ...only(["killed before", "killed after"], 0.02), visibilityMs: 5_000 },
        actions: BAD_COMMITS,
      };
    case "told twice":
      return { plan: steady(crowded(plan, draw)), weather: { ...CALM, deliveries: 0.8 }, actions: TOLD_TWICE };
    case "made again":
      return { plan: crowded(plan, draw), weather: CALM, actions: MADE_AGAIN };
  }
}

/** One commit is deployed several times, and its tag does not stay what it was. */
const MOVED_TAGS: readonly Action[] = [
  { weight: 2, act: open },
  { weight: 2, act: merge },
  { weight: 2, act: close },
  { weight: 2, act: reopen },
  { weight: 2, act: comment },
  { weight: 4, act: moveTag },
];

/** One after another fails, and what is newest is not always the same: the branch goes back, and checks turn. */
const BAD_COMMITS: readonly Action[] = [
  { weight: 2, act: pushMain },
  { weight: 4, act: pushBad },
  { weight: 1, act: moveMainBack },
  { weight: 3, act: rerun },
];

/** Releases go out and are taken back in turn, so that one rollback too many has something to go back to. */
const TOLD_TWICE: readonly Action[] = [
  { weight: 1, act: open },
  { weight: 4, act: pushMain },
  { weight: 3, act: (play) => comment(play, ["/rollback staging"]) },
];

/** Previews come and go, and so do namespaces of their names. */
const MADE_AGAIN: readonly Action[] = [
  { weight: 3, act: open },
  { weight: 3, act: close },
  { weight: 1, act: reopen },
  { weight: 1, act: holdNamespace },
  { weight: 3, act: remakeNamespace },
  { weight: 1, act: deleteNamespace },
];

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

/** Nothing but its checks keeps a commit from being released, and they are quick. */
const steady = (plan: Plan): Plan => ({
  ...plan,
  stormMs: 40 * MINUTE,
  ci: { ...plan.ci, takesMs: [5_000, 20_000] },
  repositories: plan.repositories.map((repository) => ({ ...repository, config: PLAIN, services: ["web"] })),
});

/** Any run of a check may fail, and pass the next time. */
const flaky = (plan: Plan): Plan => ({ ...plan, ci: { ...plan.ci, flaky: 0.3 } });

const only = (faults: readonly Fault[], rate: number): Weather => ({ ...CALM, faults: new Set(faults), rate });
