import { afterAll, beforeAll, describe } from "vitest";
import { startMinicluster, type Minicluster } from "../cluster/minicluster.ts";
import { day } from "../journeys/day.ts";
import { worldsOnAws } from "./worlds.ts";

let minicluster: Minicluster | undefined;
beforeAll(async () => {
  minicluster = await startMinicluster();
}, 600_000); // built with Go, where the cache folder does not have it
afterAll(() => minicluster?.stop());

describe("on a real API server", () => {
  const { startWorld } = worldsOnAws(() => {
    if (minicluster === undefined) throw new Error("there is no cluster yet");
    return minicluster;
  });
  day(startWorld);
});
