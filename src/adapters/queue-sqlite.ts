import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { targetId } from "../core/names.ts";
import type { Queue } from "./queue.ts";

/** The three queues, named as their Lambda functions are. */
export type QueueName = "deployer" | "tick" | "reporter";

export interface QueuedMessage {
  readonly id: string;
  /** Proves who holds the message now; a receipt of an earlier receive deletes nothing. */
  readonly receipt: string;
  readonly group: string;
  readonly body: string;
  readonly receives: number;
}

/** The consuming side, for whoever runs the functions: SQS does the same with its event source. */
export interface QueueSource {
  /** Takes what is visible: at most one message in flight per group, the group's oldest first. */
  receive(queue: QueueName, max: number): QueuedMessage[];
  delete(receipt: string): void;
  /** Gives a message back at once or later; its group stays locked behind it, as in SQS FIFO. */
  release(receipt: string, delayMs: number): void;
  /** When the next message becomes visible; null: nothing is waiting. In-flight messages count with their timeout. */
  nextVisibleAt(queue: QueueName): number | null;
  /** Messages received too often, kept for a person to look at. */
  deadLetters(): { queue: string; group: string; body: string; receives: number }[];
  /** Called after every send. */
  onSend(listener: (queue: QueueName) => void): void;
  close(): void;
}

const DEDUPLICATION_MS = 5 * 60_000;
const MAX_RECEIVES = 5;

/**
 * SQS FIFO's rules on one SQLite file: order and exclusivity per group, deduplication for five minutes, visibility timeout,
 * dead letters after five receives, delayed messages on the tick queue.
 * @param visibilityMs how long a receiver may work before the message comes back
 */
export function createSqliteQueue(path: string, now: () => number, visibilityMs = 120_000): Queue & QueueSource {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  db.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS messages (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, queue TEXT NOT NULL, grp TEXT NOT NULL, body TEXT NOT NULL,
      visibleAt INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0, receipt TEXT, dead INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS waiting ON messages (queue, dead, visibleAt);
    CREATE TABLE IF NOT EXISTS seen (queue TEXT NOT NULL, dedup TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (queue, dedup));`);
  const listeners: ((queue: QueueName) => void)[] = [];
  const insert = db.prepare("INSERT INTO messages (id, queue, grp, body, visibleAt) VALUES (?, ?, ?, ?, ?)");
  const forget = db.prepare("DELETE FROM seen WHERE at < ?");
  const remember = db.prepare("INSERT OR IGNORE INTO seen (queue, dedup, at) VALUES (?, ?, ?)");
  // The oldest live message of each group; it may go only if it is visible, so a locked or delayed head blocks its group.
  const heads = db.prepare(
    `SELECT m.* FROM messages m JOIN (SELECT grp, MIN(seq) AS seq FROM messages WHERE queue = ?1 AND dead = 0 GROUP BY grp) h
     ON m.seq = h.seq WHERE m.visibleAt <= ?2 ORDER BY m.seq LIMIT ?3`,
  );
  const take = db.prepare("UPDATE messages SET receives = receives + 1, receipt = ?, visibleAt = ? WHERE seq = ?");
  const bury = db.prepare("UPDATE messages SET dead = 1, receipt = NULL WHERE seq = ?");
  const remove = db.prepare("DELETE FROM messages WHERE receipt = ?");
  const release = db.prepare("UPDATE messages SET visibleAt = ?, receipt = NULL WHERE receipt = ?");
  const next = db.prepare(
    `SELECT MIN(m.visibleAt) AS at FROM messages m JOIN
     (SELECT grp, MIN(seq) AS seq FROM messages WHERE queue = ?1 AND dead = 0 GROUP BY grp) h ON m.seq = h.seq`,
  );

  /** A process that dies on the way has done nothing, and another process sees all of it or nothing. */
  function atOnce<T>(work: () => T): T {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      db.exec("COMMIT");
      return result;
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  }

  function put(queue: QueueName, group: string, body: unknown, dedupId: string | null, delayMs: number): void {
    const isNew = atOnce(() => {
      forget.run(now() - DEDUPLICATION_MS);
      if (dedupId !== null && remember.run(queue, dedupId, now()).changes === 0) return false;
      insert.run(randomUUID(), queue, group, JSON.stringify(body), now() + delayMs);
      return true;
    });
    if (!isNew) return;
    for (const listener of listeners) listener(queue);
  }

  return {
    send: async (message, group, dedupId) => put("deployer", group, message, dedupId, 0),
    // An ordinary queue has no groups: each message is its own.
    tick: async (target, n, delayMs) =>
      put("tick", `${targetId(target)}#${randomUUID()}`, { v: 1, kind: "tick", target, n }, null, delayMs),
    // FIFO queues know no delay per message: a later report goes the way of the ticks and is forwarded when its time comes.
    report: async (installation, delayMs) => {
      const body = { v: 1, kind: "report", installation };
      if (delayMs > 0) put("tick", `report/${installation}#${randomUUID()}`, body, null, delayMs);
      else put("reporter", `${installation}`, body, null, 0);
    },
    receive: (queue, max) =>
      atOnce(() => {
        const rows = heads.all(queue, now(), max) as unknown as (Omit<QueuedMessage, "group"> & {
          seq: number;
          grp: string;
        })[];
        return rows.flatMap((row) => {
          if (row.receives >= MAX_RECEIVES) {
            bury.run(row.seq);
            return [];
          }
          const receipt = randomUUID();
          take.run(receipt, now() + visibilityMs, row.seq);
          return [{ id: row.id, receipt, group: row.grp, body: row.body, receives: row.receives + 1 }];
        });
      }),
    delete: (receipt) => void remove.run(receipt),
    release: (receipt, delayMs) => void release.run(now() + delayMs, receipt),
    nextVisibleAt: (queue) => (next.get(queue) as { at: number | null }).at,
    deadLetters: () =>
      db
        .prepare("SELECT queue, grp AS 'group', body, receives FROM messages WHERE dead = 1 ORDER BY seq")
        .all() as never,
    onSend: (listener) => void listeners.push(listener),
    close: () => db.close(),
  };
}
