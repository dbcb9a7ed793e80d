import { expect, test } from "vitest";
import { explore, summary } from "./explore.ts";
import { closedAndReopened, opened, pushed, reconfigured, withSecret } from "./journeys-preview.ts";

const tried = new Set<string>();

test.for([opened, pushed, reconfigured, closedAndReopened, withSecret])(
  "whatever becomes of any one call, $name",
  async (journey, t) => {
    const explored = await explore(t, journey, { tried });
    console.log([summary(explored), ...explored.notMet].join("\n  "));
    expect(explored.failures).toEqual([]);
  },
);
