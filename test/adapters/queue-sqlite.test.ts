import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { newFolder } from "./folder.ts";
import { describeQueue } from "./queue-suite.ts";

const folder = newFolder();
const visibilityMs = 60_000;

describeQueue("SQLite", async (name, now) => {
  const queue = createSqliteQueue(folder(`${name}.sqlite`), now, visibilityMs);
  return { queue, visibilityMs, close: async () => queue.close() };
});
