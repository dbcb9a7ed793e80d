import { readFileSync } from "node:fs";
import type { ClusterAccess } from "./adapters/cluster-access.ts";
import { eksAccess } from "./adapters/eks-access.ts";
import { kubeconfigAccess } from "./adapters/kubeconfig-access.ts";
import { createKubernetes } from "./adapters/kubernetes-client.ts";
import { createRegistries } from "./adapters/registry.ts";
import { createStore } from "./adapters/store.ts";
import type { Backing } from "./backing.ts";
import { composeGitHub, type Needs } from "./compose-reporter.ts";
import type { Effects } from "./effects.ts";
import type { Host } from "./host.ts";
import { createRecent } from "./recent.ts";
import type { Settings } from "./settings.ts";
import type { SweepEffects } from "./sweep.ts";
import { loadTemplates } from "./templates.ts";

/** Nothing is sent before the first call; what the functions share is the backing. */
export function composeDeployer(
  settings: Needs<"github" | "clusters" | "registries" | "installation">,
  host: Host,
  backing: Backing,
  templates = loadTemplates(),
): Effects {
  return {
    ...composeSweeper(settings, host, backing),
    registries: createRegistries({ hosts: ociHosts(settings.registries) }),
    templates,
    recent: createRecent(),
    installation: settings.installation,
  };
}

export function composeSweeper(
  settings: Needs<"github" | "clusters">,
  host: Host,
  { table, queue }: Backing,
): SweepEffects {
  return {
    ...host,
    store: createStore(table),
    queue,
    github: composeGitHub(settings, host),
    clusters: new Map(
      settings.clusters.map((cluster) => {
        const access = accessTo(cluster, host);
        return [
          cluster.name,
          createKubernetes({ cluster: cluster.name, access, fieldManager: "proa", timeoutMs: 10_000 }),
        ];
      }),
    ),
  };
}

/** How a cluster of the settings is reached, and as whom. */
export function accessTo(cluster: Settings["clusters"][number], { clock }: Host): ClusterAccess {
  switch (cluster.kind) {
    case "eks":
      return eksAccess({ cluster: cluster.cluster, region: cluster.region, clock });
    case "kubeconfig":
      return kubeconfigAccess(readFileSync(cluster.kubeconfig, "utf8"), cluster.context);
  }
}

export function ociHosts(registries: Settings["registries"]) {
  const hosts = Object.entries(registries).flatMap(([host, registry]) => {
    if (registry.kind !== "oci") return [];
    const { url, credentials } = registry;
    if (credentials === null) return [[host, { url }] as const];
    const { username, password } = credentials;
    return [[host, { url, credentials: async () => ({ username, password: password.reveal() }) }] as const];
  });
  return Object.fromEntries(hosts);
}
