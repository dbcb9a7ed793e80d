import { startWorld } from "./harness.ts";
import { contention } from "./races-together.ts";

contention(startWorld);
