import type { Table } from "../../src/adapters/table.ts";
import { describeTable } from "../adapters/table-suite.ts";
import { createTableModel } from "./table.ts";

const tables = new Map<string, Table>();

function open(name: string, now: () => number): Table {
  const known = tables.get(name);
  if (known !== undefined) return known;
  const model = createTableModel(now);
  const table: Table = {
    get: async (key) => model.get(key),
    query: async (pk, prefix) => model.query(pk, prefix),
    due: async (index, before, limit) => model.due(index, before, limit),
    write: async (writes) => model.write(writes),
  };
  tables.set(name, table);
  return table;
}

describeTable("the simulation's", async (name, now) => ({ table: open(name, now), close: async () => undefined }));
