import { startLocal } from "./cluster-world.ts";
import { kubernetesCallsSuite } from "./kubernetes-calls-suite.ts";
import { rolloutSuite } from "./kubernetes-rollout-suite.ts";

rolloutSuite(startLocal);
kubernetesCallsSuite(startLocal);
