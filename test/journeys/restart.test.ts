import { startWorld } from "./harness.ts";
import { restarts } from "./restart.ts";

restarts(startWorld);
