import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { newFolder } from "./folder.ts";
import { describeTable } from "./table-suite.ts";

const folder = newFolder();

describeTable("SQLite", async (name) => {
  const table = createSqliteTable(folder(`${name}.sqlite`));
  return { table, close: async () => table.close() };
});
