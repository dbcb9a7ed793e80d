import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Millis } from "../core/names.ts";
import { type Encoded, encode } from "./table-limits.ts";
import type { Condition, Item, Key, Table } from "./table.ts";

interface Row {
  pk: string;
  sk: string;
  value: string;
  version: number;
  dueIndex: string | null;
  dueAt: number | null;
}

/**
 * The table in one SQLite file: the laptop's, and a small install's for real. `:memory:` for one that is forgotten.
 * `now`: whose time makes items expire.
 */
export function createSqliteTable(path: string, now: () => Millis = Date.now): Table & { close(): void } {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  // WAL and a busy timeout: the board and a second process may read while the deployer writes.
  db.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS items (
      pk TEXT NOT NULL, sk TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL,
      dueIndex TEXT, dueAt INTEGER, expiresAt INTEGER, PRIMARY KEY (pk, sk)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS due ON items (dueIndex, dueAt) WHERE dueIndex IS NOT NULL;`);
  // A file from before items could expire.
  const columns = db.prepare("PRAGMA table_info(items)").all() as unknown as { name: string }[];
  if (!columns.some(({ name }) => name === "expiresAt")) db.exec("ALTER TABLE items ADD COLUMN expiresAt INTEGER");
  db.prepare("DELETE FROM items WHERE expiresAt <= ?").run(now());

  const alive = "(expiresAt IS NULL OR expiresAt > ?)";
  const read = db.prepare(`SELECT * FROM items WHERE pk = ? AND sk = ? AND ${alive}`);
  const list = db.prepare(`SELECT * FROM items WHERE pk = ? AND sk >= ? AND sk < ? AND ${alive} ORDER BY sk`);
  const due = db.prepare(
    `SELECT * FROM items WHERE dueIndex = ? AND dueAt <= ? AND ${alive} ORDER BY dueAt, pk, sk LIMIT ?`,
  );
  const put = db.prepare(
    "INSERT OR REPLACE INTO items (pk, sk, value, version, dueIndex, dueAt, expiresAt) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.prepare("DELETE FROM items WHERE pk = ? AND sk = ?");
  const row = (key: Key) => read.get(key.pk, key.sk, now()) as Row | undefined;

  function apply(write: Encoded): boolean {
    const present = row(write.key);
    if (!holds(write.when, present)) return false;
    const { pk, sk } = write.key;
    if (write.kind === "delete") remove.run(pk, sk);
    else {
      const { text, due: at, expiresAt } = write;
      put.run(pk, sk, text, (present?.version ?? 0) + 1, at?.index ?? null, at?.at ?? null, expiresAt ?? null);
    }
    return true;
  }

  return {
    get: async (key) => toItem(row(key)),
    // U+FFFF sorts after every character our keys use, so prefix + U+FFFF ends the range.
    query: async (pk, prefix = "") =>
      (list.all(pk, prefix, `${prefix}\uffff`, now()) as unknown as Row[]).map((found) => item(found)),
    due: async (index, before, limit) =>
      (due.all(index, before, now(), limit) as unknown as Row[]).map((found) => item(found)),
    write: async (writes) => {
      const encoded = encode(writes);
      db.exec("BEGIN IMMEDIATE");
      try {
        const done = encoded.every(apply);
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

function holds(when: Condition, present: Row | undefined): boolean {
  switch (when.kind) {
    case "always":
      return true;
    case "absent":
      return present === undefined;
    case "version":
      return present?.version === when.version;
  }
}

const toItem = (row: Row | undefined): Item | null => (row === undefined ? null : item(row));

function item(row: Row): Item {
  const due = row.dueIndex === null || row.dueAt === null ? null : { index: row.dueIndex, at: row.dueAt };
  return { pk: row.pk, sk: row.sk, value: JSON.parse(row.value), version: row.version, due };
}
