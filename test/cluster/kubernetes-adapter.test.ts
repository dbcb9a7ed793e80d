import { rolloutSuite } from "../parity/kubernetes-rollout-suite.ts";
import { startReal } from "./real-cluster.ts";

rolloutSuite(startReal);
