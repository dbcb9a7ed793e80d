import { startWorld } from "./harness.ts";
import { environmentRaces } from "./races-environment.ts";

environmentRaces(startWorld);
