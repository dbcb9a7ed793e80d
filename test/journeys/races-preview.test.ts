import { startWorld } from "./harness.ts";
import { previewRaces } from "./races-preview.ts";

previewRaces(startWorld);
