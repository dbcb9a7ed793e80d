import { startWorld } from "./harness.ts";
import { patchMode } from "./races-patch.ts";

patchMode(startWorld);
