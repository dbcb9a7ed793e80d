import { readFileSync } from "node:fs";
import { createGitHubApp } from "./adapters/github-app.ts";
import { createKubernetes } from "./adapters/kubernetes-client.ts";
import { createOutbox } from "./adapters/outbox.ts";
import { createSqliteQueue } from "./adapters/queue-sqlite.ts";
import { createRegistries } from "./adapters/registry.ts";
import { createStore } from "./adapters/store.ts";
import { createSqliteTable } from "./adapters/table-sqlite.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Effects } from "./effects.ts";
import { createLog, type Log } from "./log.ts";
import type { ReportEffects } from "./report.ts";
import type { Settings } from "./settings.ts";
import type { SweepEffects } from "./sweep.ts";
import { loadTemplates } from "./templates.ts";

/** What differs between a Lambda process and a world of its own: time, and where lines go. */
export interface Host {
  readonly clock: Clock;
  readonly log: Log;
}

export const lambdaHost = (): Host => ({
  clock: systemClock,
  log: createLog({ write: (line) => void process.stdout.write(`${line}\n`), clock: systemClock }),
});

type Needs<K extends keyof Settings> = Pick<Settings, K>;

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

export function composeReporter(settings: Needs<"github" | "store" | "queue">, host: Host): ReportEffects {
  return {
    ...host,
    outbox: createOutbox(createSqliteTable(settings.store.path)),
    queue: createSqliteQueue(settings.queue.path, () => host.clock.now()),
    github: composeGitHub(settings, host),
  };
}

const composeGitHub = ({ github }: Needs<"github">, { clock }: Host) =>
  createGitHubApp({ ...github, clock, userAgent: "proa" });

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
