import type { Workloads } from "./core/cluster.ts";
import type { Effects } from "./effects.ts";

/** Where a release's workloads are; `patch`: in patch mode, the Deployments that exist already. */
interface Place {
  readonly namespace: string;
  readonly clusters: readonly string[];
  readonly patch: readonly { readonly deployment: string }[];
}

/** What runs there, by cluster, read side by side. A cluster that is not configured is left out. */
export async function readWorkloads(
  { namespace, clusters, patch }: Place,
  fx: Pick<Effects, "clusters">,
): Promise<Map<string, Workloads>> {
  const names = patch.length > 0 ? patch.map(({ deployment }) => deployment) : undefined;
  const read = await Promise.all(
    clusters.map(async (name) => [name, await fx.clusters.get(name)?.workloads(namespace, names)] as const),
  );
  return new Map(read.flatMap(([name, workloads]) => (workloads ? [[name, workloads] as const] : [])));
}
