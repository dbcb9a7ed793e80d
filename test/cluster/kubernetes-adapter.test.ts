import { rolloutSuite } from "../parity/kubernetes-rollout-suite.ts";
import { needsPlayedPods, startReal } from "./real-cluster.ts";

needsPlayedPods();
rolloutSuite(startReal);
