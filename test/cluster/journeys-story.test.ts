import { describe } from "vitest";
import { story } from "../journeys/story.ts";
import { leastPrivilegedWorlds } from "./privilege-worlds.ts";

const startWorld = await leastPrivilegedWorlds();

describe("on a real cluster", () => {
  story(startWorld);
});
