import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { newFolder } from "./folder.ts";
import { describeTable, describeTableLimits } from "./table-suite.ts";

const folder = newFolder();

describeTable("SQLite", async (name, now) => {
  const table = createSqliteTable(folder(`${name}.sqlite`), now);
  return { table, close: async () => table.close() };
});

describeTableLimits("SQLite", async () => {
  const table = createSqliteTable(":memory:");
  return { table, close: async () => table.close() };
});
