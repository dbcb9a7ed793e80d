import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { describeStore } from "./store-suite.ts";

describeStore("SQLite", async () => {
  const table = createSqliteTable(":memory:");
  return { table, close: async () => table.close() };
});
