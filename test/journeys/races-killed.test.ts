import { startWorld } from "./harness.ts";
import { deaths } from "./races-killed.ts";

deaths(startWorld);
