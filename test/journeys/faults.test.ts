import { faults } from "./faults.ts";
import { startWorld } from "./harness.ts";

faults(startWorld);
