import { readFileSync } from "node:fs";
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
    clusters: new Map(settings.clusters.map((cluster) => [cluster.name, composeCluster(cluster)])),
  };
}

function composeCluster(
  cluster: Settings["clusters"][number],
): Effects["clusters"] extends ReadonlyMap<string, infer K> ? K : never {
  const options = { cluster: cluster.name, fieldManager: "proa", timeoutMs: 10_000 };
  switch (cluster.kind) {
    case "eks":
      throw new Error("wired below");
    case "kubeconfig":
      return createKubernetes({
        ...options,
        kubeConfig: readFileSync(cluster.kubeconfig, "utf8"),
        ...(cluster.context === null ? {} : { context: cluster.context }),
      });
  }
}

function ociHosts(registries: Settings["registries"]) {
  const hosts = Object.entries(registries).flatMap(([host, registry]) => {
    if (registry.kind !== "oci") return [];
    const { url, credentials } = registry;
    if (credentials === null) return [[host, { url }] as const];
    const { username, password } = credentials;
    return [[host, { url, credentials: async () => ({ username, password: password.reveal() }) }] as const];
  });
  return Object.fromEntries(hosts);
}
