import { startLocal } from "./cluster-world.ts";
import { rolloutSuite } from "./kubernetes-rollout-suite.ts";

rolloutSuite(startLocal);
