import { readFileSync } from "node:fs";
import { createKubernetes } from "./adapters/kubernetes-client.ts";
import { createSqliteQueue } from "./adapters/queue-sqlite.ts";
import { createRegistries } from "./adapters/registry.ts";
import { createStore } from "./adapters/store.ts";
import { createSqliteTable } from "./adapters/table-sqlite.ts";
import { composeGitHub, type Needs } from "./compose-reporter.ts";
import type { Effects } from "./effects.ts";
import type { Host } from "./host.ts";
import type { Settings } from "./settings.ts";
import type { SweepEffects } from "./sweep.ts";
import { loadTemplates } from "./templates.ts";

export function composeDeployer(
  settings: Needs<"github" | "store" | "queue" | "clusters" | "registries" | "installation">,
  host: Host,
  templates = loadTemplates(),
): Effects {
  return {
    ...composeSweeper(settings, host),
    registries: createRegistries({ hosts: ociHosts(settings.registries) }),
    templates,
    installation: settings.installation,
  };
}

export function composeSweeper(settings: Needs<"github" | "store" | "queue" | "clusters">, host: Host): SweepEffects {
  return {
    ...host,
    store: createStore(createSqliteTable(settings.store.path)),
    queue: createSqliteQueue(settings.queue.path, () => host.clock.now()),
    github: composeGitHub(settings, host),
    clusters: new Map(
      settings.clusters.map(({ name, kubeconfig, context }) => [
        name,
        createKubernetes({
          cluster: name,
          kubeConfig: readFileSync(kubeconfig, "utf8"),
          fieldManager: "proa",
          timeoutMs: 10_000,
          ...(context === null ? {} : { context }),
        }),
      ]),
    ),
  };
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
