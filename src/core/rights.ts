import type { Target } from "./names.ts";
import type { MissingRight } from "./problem.ts";

/**
 * What a person reads where the cluster does not let Proa do its work: which right, where, and who gives it how.
 * @param target null: not for one target's sake
 */
export function missingRightText({ verb, resource, namespace }: MissingRight, target: Target | null): string {
  const ofCluster = namespace === null || resource === "namespaces";
  const where = namespace === null ? "" : ` in ${namespace}`;
  const what = resource === "namespaces" && namespace !== null ? `the namespace ${namespace}` : `${resource}${where}`;
  // An environment's namespace is its owner's, and so is the binding there.
  const remedy =
    target?.kind === "env" && !ofCluster
      ? "bind the ClusterRole proa-environment to it there"
      : "apply templates/cluster/ again";
  return `Proa has no right to ${verb} ${what}: ${remedy} (docs/cluster-access.md)`;
}
