import type { Condition, Item, Table, Write } from "../../src/adapters/table.ts";
import type { Sync } from "./sim.ts";

/** The table as one transaction at a time leaves it; `test/adapters/table-suite.ts` holds it to the rules of the real ones. */
export function createTableModel(): Sync<Table> & { size(): number } {
  /** Each partition in the order of its sort keys. */
  const partitions = new Map<string, Item[]>();
  const indexes = new Map<string, Map<string, Item>>();
  /** Each writer's place in the order of writers; no reader sees it. */
  const orders = new WeakMap<Item, number>();
  const rowsOf = (pk: string): Item[] => partitions.get(pk) ?? [];
  const rowAt = (pk: string, sk: string): Item | undefined => {
    const rows = rowsOf(pk);
    const row = rows[place(rows, sk)];
    return row?.sk === sk ? row : undefined;
  };

  function apply(write: Write): void {
    const { pk, sk } = write.key;
    if (write.kind === "check") return;
    const rows = rowsOf(pk);
    const index = place(rows, sk);
    const former = rows[index]?.sk === sk ? rows[index] : undefined;
    if (former?.due) indexes.get(former.due.index)?.delete(`${pk} ${sk}`);
    if (write.kind === "delete") {
      if (former !== undefined) rows.splice(index, 1);
      return;
    }
    const due = write.due ?? null;
    const row = { pk, sk, value: write.value, version: (former?.version ?? 0) + 1, due };
    if (write.order !== undefined) orders.set(row, write.order);
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
      return rows.slice(begin, end);
    },
    due: (index, before, limit) =>
      [...(indexes.get(index)?.values() ?? [])]
        .filter((row) => (row.due?.at ?? Infinity) <= before)
        .sort((a, b) => (a.due?.at ?? 0) - (b.due?.at ?? 0) || compare(a.pk, b.pk) || compare(a.sk, b.sk))
        .slice(0, limit),
    write: (writes) => {
      const keys = new Set(writes.map(({ key: { pk, sk } }) => `${pk} ${sk}`));
      if (keys.size < writes.length)
        throw new Error(`an item is written twice in one transaction: ${[...keys].join(", ")}`);
      const done = writes.every((write) => {
        const present = rowAt(write.key.pk, write.key.sk);
        const order = write.kind === "put" ? (write.order ?? null) : null;
        return holds(write.when, present, { of: order, stored: (present && orders.get(present)) ?? null });
      });
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

function holds(
  when: Condition,
  present: Item | undefined,
  order: { readonly of: number | null; readonly stored: number | null },
): boolean {
  switch (when.kind) {
    case "always":
      return true;
    case "absent":
      return present === undefined;
    case "version":
      return present?.version === when.version;
    case "notOlder":
      return order.stored === null || (order.of !== null && order.stored <= order.of);
  }
}
