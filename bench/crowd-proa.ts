import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSqliteQueue } from "../src/adapters/queue-sqlite.ts";
import { createSqliteTable } from "../src/adapters/table-sqlite.ts";
import type { Table } from "../src/adapters/table.ts";
import { composeDeployer } from "../src/compose.ts";
import { createLog } from "../src/log.ts";
import { createOutbox } from "../src/adapters/outbox.ts";
import { parseMessage, parseReport } from "../src/core/message-parse.ts";
import { handle } from "../src/handle.ts";
import { report } from "../src/report.ts";
import { forward } from "../src/tick.ts";
import { readSettings } from "../src/settings.ts";
import { loadTemplates } from "../src/templates.ts";
import type { Crowd } from "./crowd.ts";

export const WEBHOOK_SECRET = "the webhook secret of the crowd";

/** The functions' own effects over a crowd, on SQLite, with the table's calls counted. */
export function openProa({ url }: Crowd, write: (line: string) => void = () => undefined) {
  const dir = mkdtempSync(join(tmpdir(), "proa-crowd-"));
  const kubeconfig = join(dir, "kubeconfig");
  const named = {
    name: "crowd",
    cluster: { server: url, "insecure-skip-tls-verify": true },
    user: {},
    context: { cluster: "crowd", user: "crowd" },
  };
  const config = { apiVersion: "v1", kind: "Config", "current-context": "crowd" };
  writeFileSync(kubeconfig, JSON.stringify({ ...config, clusters: [named], users: [named], contexts: [named] }), {
    mode: 0o600,
  });
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const paths = { store: join(dir, "store.sqlite"), queue: join(dir, "queue.sqlite") };
  const settings = readSettings({
    PROA_GITHUB_API_URL: url,
    PROA_GITHUB_APP_ID: "77",
    PROA_GITHUB_APP_SLUG: "proa",
    PROA_GITHUB_PRIVATE_KEY: privateKey,
    PROA_WEBHOOK_SECRETS: WEBHOOK_SECRET,
    PROA_STORE: `sqlite:${paths.store}`,
    PROA_QUEUE: `sqlite:${paths.queue}`,
    PROA_KUBECONFIG: kubeconfig,
    PROA_IMAGES: "registry.example/acme/**",
    PROA_DEFAULT_IMAGE: "registry.example/{owner}/{repo}-{service}",
    PROA_REGISTRIES: JSON.stringify({ "registry.example": { kind: "oci", url } }),
    PROA_DOMAIN: "preview.example",
  });
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead };
  const host = { clock, log: createLog({ write, clock }) };
  const effects = () => composeDeployer(settings, host, { table, queue }, loadTemplates());
  const real = createSqliteTable(paths.store, clock.now);
  const queue = createSqliteQueue(paths.queue, clock.now);
  let asked = 0;
  const table: Table = {
    get: (key) => (asked++, real.get(key)),
    query: (pk, prefix) => (asked++, real.query(pk, prefix)),
    due: (index, before, limit) => (asked++, real.due(index, before, limit)),
    write: (writes) => (asked++, real.write(writes)),
  };
  return {
    settings,
    host,
    table: real,
    queue,
    /** As a new process has them. */
    effects,
    /** Handles whatever is queued, and lets time go by until nothing is that this world waits for within the next minutes. */
    async quiet(fx = effects(), withinMs = 5 * 60_000): Promise<void> {
      const until = clock.now() + withinMs;
      const reporter = { ...host, outbox: createOutbox(table), queue, github: fx.github };
      const each = {
        deployer: (body: unknown) => handle(parseMessage(body), fx),
        tick: (body: unknown) => forward(body, { queue, clock }),
        reporter: (body: unknown) => report(parseReport(body), reporter),
      };
      const names = ["deployer", "tick", "reporter"] as const;
      for (;;) {
        for (const name of names)
          for (let taken = queue.receive(name, 10); taken.length > 0; taken = queue.receive(name, 10))
            for (const { body, receipt } of taken) {
              await each[name](JSON.parse(body));
              queue.delete(receipt);
            }
        const next = Math.min(...names.map((name) => queue.nextVisibleAt(name) ?? Infinity));
        if (next > until) return;
        ahead += Math.max(0, next - clock.now());
      }
    },
    /** How often the table was asked since the last call. */
    tableCalls(): number {
      const calls = asked;
      asked = 0;
      return calls;
    },
    close() {
      real.close();
      queue.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type Proa = ReturnType<typeof openProa>;
