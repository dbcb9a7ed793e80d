import type { Queue } from "./adapters/queue.ts";
import type { Table } from "./adapters/table.ts";
import type { Host } from "./host.ts";
import type { Settings } from "./settings.ts";

/** What remembers and what carries: DynamoDB and SQS, or two SQLite files. */
export interface Backing {
  readonly table: Table;
  readonly queue: Queue;
}

/** Only the chosen one is loaded: on Lambda nobody waits for SQLite, and nowhere else for AWS' clients. */
export async function openBacking(settings: Pick<Settings, "store" | "queue">, host: Host): Promise<Backing> {
  const [table, queue] = await Promise.all([openTable(settings.store), openQueue(settings.queue, host)]);
  return { table, queue };
}

async function openTable(store: Settings["store"]): Promise<Table> {
  switch (store.kind) {
    case "dynamodb":
      return (await import("./adapters/table-dynamodb.ts")).createDynamoDbTable({ table: store.table });
    case "sqlite":
      return (await import("./adapters/table-sqlite.ts")).createSqliteTable(store.path);
  }
}

async function openQueue(queue: Settings["queue"], { clock }: Host): Promise<Queue> {
  switch (queue.kind) {
    case "sqs":
      return (await import("./adapters/queue-sqs.ts")).createSqsQueue({ prefix: queue.prefix, env: process.env, clock });
    case "sqlite":
      return (await import("./adapters/queue-sqlite.ts")).createSqliteQueue(queue.path, () => clock.now());
  }
}
