import { kubectlSuite } from "../parity/cluster-kubectl-suite.ts";
import { startReal } from "./real-cluster.ts";

kubectlSuite(startReal);
