import { startWorld } from "./harness.ts";
import { rollbackRaces } from "./races-rollback.ts";

rollbackRaces(startWorld);
