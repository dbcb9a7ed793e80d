import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateAppKey } from "../../local/github/server.ts";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { composeDeployer } from "../../src/compose.ts";
import type { Templates } from "../../src/core/manifests.ts";
import type { Effects } from "../../src/effects.ts";
import { createLog } from "../../src/log.ts";
import { readSettings } from "../../src/settings.ts";

export interface DeployerOptions {
  /** For its kubeconfig, its store and its queue. */
  readonly dir: string;
  /** Text. */
  readonly kubeconfig: string;
  readonly clock?: Clock;
  readonly templates?: Templates;
  readonly secretsNamespace?: string;
  readonly log?: (line: string) => void;
}

/** The deployer as it is composed in production, on a cluster and without GitHub: whatever asks that one fails. */
export function deployerOn({ dir, kubeconfig, clock = systemClock, log, ...options }: DeployerOptions): Effects {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "kubeconfig");
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  const settings = readSettings({
    // Nothing listens there.
    PROA_GITHUB_API_URL: "http://127.0.0.1:9",
    PROA_GITHUB_APP_ID: "1",
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: appKey,
    PROA_WEBHOOK_SECRETS: "never-sent-anything",
    PROA_STORE: `sqlite:${join(dir, "store.sqlite")}`,
    PROA_QUEUE: `sqlite:${join(dir, "queue.sqlite")}`,
    PROA_KUBECONFIG: file,
    PROA_IMAGES: "registry.example/**",
    PROA_DEFAULT_IMAGE: "registry.example/{owner}/{repo}-{service}",
    PROA_DOMAIN: "preview.example",
    PROA_SECRETS_NAMESPACE: options.secretsNamespace ?? "proa",
    PROA_LOGS_IN_PUBLIC: "true",
  });
  const host = { clock, log: createLog({ write: log ?? (() => undefined), clock }) };
  const backing = {
    table: createSqliteTable(join(dir, "store.sqlite")),
    queue: createSqliteQueue(join(dir, "queue.sqlite"), () => clock.now()),
  };
  return composeDeployer(settings, host, backing, options.templates);
}

const appKey = generateAppKey();
