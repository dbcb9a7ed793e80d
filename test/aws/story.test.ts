import { story } from "../journeys/story.ts";
import { worldsOnAws } from "./worlds.ts";

story(worldsOnAws().startWorld);
