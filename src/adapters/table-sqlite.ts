import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Condition, Item, Key, Table, Write } from "./table.ts";

interface Row {
  pk: string;
  sk: string;
  value: string;
  version: number;
  ord: number | null;
  dueIndex: string | null;
  dueAt: number | null;
}

/** The table in one SQLite file: the laptop's, and a small install's for real. `:memory:` for one that is forgotten. */
export function createSqliteTable(path: string): Table & { close(): void } {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  // WAL and a busy timeout: the board and a second process may read while the deployer writes.
  db.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS items (
      pk TEXT NOT NULL, sk TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL,
      ord REAL, dueIndex TEXT, dueAt INTEGER, PRIMARY KEY (pk, sk)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS due ON items (dueIndex, dueAt) WHERE dueIndex IS NOT NULL;`);
  const read = db.prepare("SELECT * FROM items WHERE pk = ? AND sk = ?");
  const list = db.prepare("SELECT * FROM items WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk");
  const due = db.prepare("SELECT * FROM items WHERE dueIndex = ? AND dueAt <= ? ORDER BY dueAt, pk, sk LIMIT ?");
  const put = db.prepare(
    "INSERT OR REPLACE INTO items (pk, sk, value, version, ord, dueIndex, dueAt) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.prepare("DELETE FROM items WHERE pk = ? AND sk = ?");
  const row = (key: Key) => read.get(key.pk, key.sk) as Row | undefined;

  function apply(write: Write): boolean {
    const present = row(write.key);
    const order = write.kind === "put" ? (write.order ?? null) : null;
    if (!holds(write.when, present, order)) return false;
    if (write.kind === "delete") remove.run(write.key.pk, write.key.sk);
    if (write.kind === "put") {
      const { pk, sk } = write.key;
      const version = (present?.version ?? 0) + 1;
      put.run(pk, sk, JSON.stringify(write.value), version, order, write.due?.index ?? null, write.due?.at ?? null);
    }
    return true;
  }

  return {
    get: async (key) => toItem(row(key)),
    // U+FFFF sorts after every character our keys use, so prefix + U+FFFF ends the range.
    query: async (pk, prefix = "") => (list.all(pk, prefix, `${prefix}\uffff`) as unknown as Row[]).map(item),
    due: async (index, before, limit) => (due.all(index, before, limit) as unknown as Row[]).map(item),
    write: async (writes) => {
      // DynamoDB refuses it; what runs here has to run there.
      const keys = writes.map(({ key: { pk, sk } }) => `${pk} ${sk}`);
      const twice = keys.find((key, index) => keys.indexOf(key) !== index);
      if (twice !== undefined) throw new Error(`${twice} is written twice in one transaction`);
      db.exec("BEGIN IMMEDIATE");
      try {
        const done = writes.every(apply);
        db.exec(done ? "COMMIT" : "ROLLBACK");
        return done ? "written" : "conflict";
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => db.close(),
  };
}

function holds(when: Condition, present: Row | undefined, order: number | null): boolean {
  switch (when.kind) {
    case "always":
      return true;
    case "absent":
      return present === undefined;
    case "version":
      return present?.version === when.version;
    case "notOlder":
      return present === undefined || present.ord === null || (order !== null && present.ord <= order);
  }
}

const toItem = (row: Row | undefined): Item | null => (row === undefined ? null : item(row));

function item(row: Row): Item {
  const due = row.dueIndex === null || row.dueAt === null ? null : { index: row.dueIndex, at: row.dueAt };
  return { pk: row.pk, sk: row.sk, value: JSON.parse(row.value), version: row.version, due };
}
