import type { Kubernetes } from "./adapters/kubernetes.ts";
import { previewAccess } from "./core/manifests-preview.ts";
import { type Target, targetId } from "./core/names.ts";
import { OutsideError, type Problem } from "./core/problem.ts";
import { missingRightText } from "./core/rights.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";

/** Each is a round trip. RBAC reads bindings from a watch, so that a new one is in force a moment after it is stored. */
const LOOKS = 40;

/**
 * Gives Proa its rights in a preview's namespace, which nothing else of it has. Safe to repeat. Should they take longer to
 * come into force than is waited for here, the walk fails and comes back.
 */
export async function bindAccess(
  target: Target,
  namespace: string,
  cluster: Kubernetes,
  { templates, log }: Pick<Effects, "templates" | "log">,
): Promise<void> {
  const fields = { namespace, cluster: cluster.cluster, target: targetId(target) };
  log.info("bind access", fields);
  const { kind } = await cluster.create(previewAccess({ templates, namespace }));
  log.info("bind access done", { ...fields, result: kind });
  if (kind === "exists") return;
  for (let look = 0; look < LOOKS; look++) if (await mayRead(namespace, cluster)) return;
}

async function mayRead(namespace: string, cluster: Kubernetes): Promise<boolean> {
  try {
    await cluster.deployment(namespace, "proa");
    return true;
  } catch (error) {
    if (error instanceof OutsideError && error.problem.missing !== undefined) return false;
    throw error;
  }
}

/**
 * A right that is missing in a preview's own namespace: its binding may have been deleted by hand, and is made again; or with the
 * whole namespace, which is no matter of rights. Answers the problem to record: what stands in the way, or the one there was.
 */
export async function restoreAccess(
  problem: Problem,
  { target, placements }: TargetState,
  fx: Pick<Effects, "clusters" | "templates" | "log">,
): Promise<Problem> {
  if (problem.missing === undefined || target.kind === "env") return problem;
  try {
    for (const [name, placement] of Object.entries(placements)) {
      const cluster = fx.clusters.get(name);
      if (cluster === undefined || placement.namespace !== problem.missing.namespace) continue;
      const namespace = await cluster.namespace(placement.namespace);
      if (namespace?.uid !== placement.uid || namespace.deletedAt !== null) {
        const { code, detail } = problem;
        return { code, detail: `the namespace ${placement.namespace} is gone: ${detail}`, retryable: true };
      }
      await bindAccess(target, placement.namespace, cluster, fx);
    }
    return problem;
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    return error.problem;
  }
}

/** What reading the cluster came to, where a right that is missing is an answer to show and not a failure to repeat. */
export async function ifAllowed<T>(
  target: Target,
  work: () => Promise<T>,
): Promise<T | { readonly kind: "refused"; readonly because: string }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OutsideError) || error.problem.missing === undefined) throw error;
    return { kind: "refused", because: missingRightText(error.problem.missing, target) };
  }
}
