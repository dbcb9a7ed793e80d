import { clusterApiSuite } from "../parity/cluster-api-suite.ts";
import { startReal } from "./real-cluster.ts";

clusterApiSuite(startReal);
