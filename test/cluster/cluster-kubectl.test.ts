import { kubectlSuite } from "../parity/cluster-kubectl-suite.ts";
import { needsPlayedPods, startReal } from "./real-cluster.ts";

needsPlayedPods();
kubectlSuite(startReal);
