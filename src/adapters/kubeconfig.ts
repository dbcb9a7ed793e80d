// Loaded only where a cluster is reached by a kubeconfig, and by this name alone: `import()` of the package itself would keep all of it.
export { KubeConfig } from "@kubernetes/client-node";
