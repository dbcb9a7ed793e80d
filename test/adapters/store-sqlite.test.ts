import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { describeStore } from "./store-suite.ts";

describeStore("SQLite", async (now) => {
  const table = createSqliteTable(":memory:", now);
  return { table, close: async () => table.close() };
});
