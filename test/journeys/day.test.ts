import { day } from "./day.ts";
import { startWorld } from "./harness.ts";

day(startWorld);
