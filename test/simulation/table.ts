import { refuseMany } from "../../src/adapters/table-limits.ts";
import type { Condition, Item, Table, Write } from "../../src/adapters/table.ts";
import type { Sync } from "./sim.ts";

/** The table as one transaction at a time leaves it; `test/adapters/table-suite.ts` holds it to the rules of the real ones. */
export function createTableModel(now: () => number): Sync<Table> & { size(): number } {
  /** Each partition in the order of its sort keys. */
  const partitions = new Map<string, Item[]>();
  const indexes = new Map<string, Map<string, Item>>();
  /** When an item ends; no reader sees it. */
  const ends = new WeakMap<Item, number>();
  const isAlive = (row: Item | undefined): row is Item => row !== undefined && (ends.get(row) ?? Infinity) > now();
  const rowsOf = (pk: string): Item[] => partitions.get(pk) ?? [];
  const rowAt = (pk: string, sk: string): Item | undefined => {
    const rows = rowsOf(pk);
    const row = rows[place(rows, sk)];
    return row?.sk === sk && isAlive(row) ? row : undefined;
  };

  function apply(write: Write): void {
    const { pk, sk } = write.key;
    const rows = rowsOf(pk);
    const index = place(rows, sk);
    const former = rows[index]?.sk === sk ? rows[index] : undefined;
    if (former?.due) indexes.get(former.due.index)?.delete(`${pk} ${sk}`);
    if (write.kind === "delete") {
      if (former !== undefined) rows.splice(index, 1);
      return;
    }
    const due = write.due ?? null;
    const row = { pk, sk, value: write.value, version: (isAlive(former) ? former.version : 0) + 1, due };
    if (write.expiresAt !== undefined) ends.set(row, write.expiresAt);
    rows.splice(index, former === undefined ? 0 : 1, row);
    if (rows.length === 1) partitions.set(pk, rows);
    if (due === null) return;
    const indexed = indexes.get(due.index) ?? new Map<string, Item>();
    indexes.set(due.index, indexed.set(`${pk} ${sk}`, row));
  }

  return {
    get: ({ pk, sk }) => rowAt(pk, sk) ?? null,
    query: (pk, prefix = "") => {
      const rows = rowsOf(pk);
      let end = place(rows, prefix);
      const begin = end;
      for (let row = rows[end]; row?.sk.startsWith(prefix) === true; row = rows[end]) end++;
      return rows.slice(begin, end).filter(isAlive);
    },
    due: (index, before, limit) =>
      [...(indexes.get(index)?.values() ?? [])]
        .filter((row) => (row.due?.at ?? Infinity) <= before && isAlive(row))
        .sort((a, b) => (a.due?.at ?? 0) - (b.due?.at ?? 0) || compare(a.pk, b.pk) || compare(a.sk, b.sk))
        .slice(0, limit),
    write: (writes) => {
      refuseMany(writes);
      const done = writes.every(({ key, when }) => holds(when, rowAt(key.pk, key.sk)));
      if (!done) return "conflict";
      for (const write of writes) apply(write);
      return "written";
    },
    size: () => [...partitions.values()].reduce((sum, rows) => sum + rows.length, 0),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Where the sort key is, or belongs. */
function place(rows: readonly Item[], sk: string): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const row = rows[middle];
    if (row !== undefined && row.sk < sk) from = middle + 1;
    else to = middle;
  }
  return from;
}

function holds(when: Condition, present: Item | undefined): boolean {
  switch (when.kind) {
    case "always":
      return true;
    case "absent":
      return present === undefined;
    case "version":
      return present?.version === when.version;
  }
}
