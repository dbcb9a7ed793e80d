import type { Queue } from "./adapters/queue.ts";
import type { Table } from "./adapters/table.ts";
import type { Host } from "./host.ts";
import type { Settings } from "./settings.ts";
import type { Environment } from "./settings-read.ts";

/** What remembers and what carries: DynamoDB and SQS, or two SQLite files. */
export interface Backing {
  readonly table: Table;
  readonly queue: Queue;
}

/**
 * Only the chosen one is loaded: on Lambda nobody waits for SQLite, and nowhere else for AWS' clients.
 * @param env read anew with each call to AWS: Lambda puts credentials there
 */
export async function openBacking(
  settings: Pick<Settings, "store" | "queue">,
  host: Host,
  env: Environment,
): Promise<Backing> {
  const [table, queue] = await Promise.all([openTable(settings.store, host), openQueue(settings.queue, host, env)]);
  return { table, queue };
}

async function openTable(store: Settings["store"], { clock }: Host): Promise<Table> {
  const now = () => clock.now();
  switch (store.kind) {
    case "dynamodb":
      return (await import("./adapters/table-dynamodb.ts")).createDynamoDbTable({ table: store.table, now });
    case "sqlite":
      return (await import("./adapters/table-sqlite.ts")).createSqliteTable(store.path, now);
  }
}

async function openQueue(queue: Settings["queue"], { clock }: Host, env: Environment): Promise<Queue> {
  switch (queue.kind) {
    case "sqs":
      return (await import("./adapters/queue-sqs.ts")).createSqsQueue({ prefix: queue.prefix, env, clock });
    case "sqlite":
      return (await import("./adapters/queue-sqlite.ts")).createSqliteQueue(queue.path, () => clock.now());
  }
}
