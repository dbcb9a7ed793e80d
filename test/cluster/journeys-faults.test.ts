import { describe } from "vitest";
import { faults } from "../journeys/faults.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";

const startWorld = await leastPrivilegedWorlds();

describe.concurrent("on a real cluster", () => {
  faults(startWorld);
});
