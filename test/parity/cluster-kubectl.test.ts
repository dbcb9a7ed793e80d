import { kubectlSuite } from "./cluster-kubectl-suite.ts";
import { startLocal } from "./cluster-world.ts";

kubectlSuite(startLocal);
