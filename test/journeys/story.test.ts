import { startWorld } from "./harness.ts";
import { story } from "./story.ts";

story(startWorld);
