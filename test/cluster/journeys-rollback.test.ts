import { describe } from "vitest";
import { rollbackRaces } from "../journeys/races-rollback.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";

const startWorld = await leastPrivilegedWorlds();

// Side by side: a real cluster takes seconds for what nobody needs to watch, such as the end of a namespace.
describe.concurrent("on a real cluster", () => {
  rollbackRaces(startWorld);
});
