import { expect, test } from "vitest";
import { explore, summary } from "./explore.ts";
import { failedDeliveries, lostTicks, lostWebhooks, repeated } from "./journeys-lost.ts";

const tried = new Set<string>();

test.for([lostWebhooks, failedDeliveries, lostTicks, repeated])(
  "whatever becomes of any one call, $name",
  async (journey, t) => {
    const explored = await explore(t, journey, { tried });
    console.log([summary(explored), ...explored.notMet].join("\n  "));
    expect(explored.failures).toEqual([]);
  },
);
