import type { Act, FaultJourney } from "./journey.ts";
import { ciPasses, pushed } from "./journeys-preview.ts";
import type { Trouble } from "./lane.ts";

const during = (trouble: Trouble, acts: readonly Act[]): Act[] => [
  async (lane) => void (lane.trouble = trouble),
  ...acts,
  async (lane) => void (lane.trouble = "none"),
];

const sweeps =
  (kind: "overdue" | "github"): Act =>
  (lane, town) =>
    town.sweep(kind, lane);

export const lostWebhooks: FaultJourney = {
  ...pushed,
  name: "every webhook of a push is lost, and the sweep finds out",
  alone: true,
  acts: [...during("deliveries lost", pushed.acts), sweeps("github")],
};

export const failedDeliveries: FaultJourney = {
  ...pushed,
  name: "every webhook of a push fails, and the sweep has them sent again",
  alone: true,
  acts: [...during("deliveries failed", pushed.acts), sweeps("github")],
};

export const lostTicks: FaultJourney = {
  ...pushed,
  name: "every tick of a rollout is lost, and the overdue sweep wakes it",
  acts: [...during("ticks lost", [...pushed.acts, async (_lane, town) => town.pass(10_000)]), sweeps("overdue")],
};

export const repeated: FaultJourney = {
  ...pushed,
  name: "everything is delivered twice",
  acts: during("deliveries twice", [...pushed.acts, ciPasses("pushed")]),
};
