import { expect, test } from "vitest";
import { explore, summary } from "./explore.ts";
import { approved, merged, patched, rolledBackAndReleased, rolledBackByItself } from "./journeys-environment.ts";

const tried = new Set<string>();

test.for([rolledBackByItself, rolledBackAndReleased, approved, merged, patched])(
  "whatever becomes of any one call, $name",
  async (journey, t) => {
    const explored = await explore(t, journey, { tried });
    console.log([summary(explored), ...explored.notMet].join("\n  "));
    expect(explored.failures).toEqual([]);
  },
);
