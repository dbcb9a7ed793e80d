import { describe, expect, test } from "vitest";
import { createOutbox } from "../../src/adapters/outbox.ts";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { Conflict, record } from "../../src/record.ts";
import { createRecent } from "../../src/recent.ts";
import type { Sha } from "../../src/core/names.ts";
import type { TargetState } from "../../src/core/state.ts";
import {
  liveRecord,
  NOW,
  ordered,
  preview,
  record as fresh,
  repo,
  rollout,
  sha,
  staging,
} from "../core/decision-fixture.ts";

/** Store, queue and outbox as a function has them, in memory. */
function memory() {
  const table = createSqliteTable(":memory:");
  let now = NOW;
  const queue = createSqliteQueue(":memory:", () => now);
  const store = createStore(table);
  const due = async (at = now) => (await createOutbox(table).due(3, at, 200)).map(({ surface }) => surface.key);
  return { store, queue, due, recent: createRecent(), clock: { now: () => now }, pass: (ms: number) => (now += ms) };
}

const waiting = fresh(preview, {
  phase: "waiting",
  because: "waiting for `test`",
  wanted: { sha: sha("a"), since: NOW },
});
const alive = liveRecord(preview, "a", 1);
const STATUS = `status/12/${sha("a")}/proa/preview`;

async function recorded(at: ReturnType<typeof memory>, next: TargetState, wakeInMs: number | null = null) {
  return record(await at.store.load(next.target), next, wakeInMs, at);
}

describe("a record", () => {
  test("is written with its wake and with what GitHub should show, and wakes both who tick and who report", async () => {
    const at = memory();
    await recorded(at, waiting, 5_000);
    expect((await at.store.load(preview)).state).toMatchObject({ wake: { n: 1, dueAt: NOW + 5_000 }, wakes: 1 });
    expect(await at.due()).toEqual([STATUS]);
    expect(at.queue.receive("reporter", 10)).toHaveLength(1);
    at.pass(5_000);
    const bodies = at.queue.receive("tick", 10).map(({ body }) => JSON.parse(body) as unknown);
    expect(bodies).toContainEqual({ v: 1, kind: "tick", target: preview, n: 1 });
  });

  test("that says nothing new writes nothing on GitHub, and wakes no reporter", async () => {
    const at = memory();
    const { state } = await recorded(at, alive);
    for (const { receipt } of at.queue.receive("reporter", 10)) at.queue.delete(receipt);
    await recorded(at, { ...state, gatheredAt: NOW + 1 });
    expect(at.queue.receive("reporter", 10)).toEqual([]);
  });

  test("that was read before somebody else wrote is not written, and nothing is said of it", async () => {
    const at = memory();
    const known = await at.store.load(preview);
    await record(known, waiting, null, at);
    for (const { receipt } of at.queue.receive("reporter", 10)) at.queue.delete(receipt);
    await expect(record(known, alive, 1_000, at)).rejects.toThrow(Conflict);
    expect((await at.store.load(preview)).state).toMatchObject({ phase: "waiting" });
    at.pass(10_000);
    expect(
      [...at.queue.receive("reporter", 10), ...at.queue.receive("tick", 10)].filter(({ body }) =>
        body.includes("tick"),
      ),
    ).toEqual([]);
  });

  test("that wants no wake has none, and an earlier tick is then not its own", async () => {
    const at = memory();
    const { state } = await recorded(at, waiting, 1_000);
    expect((await recorded(at, state)).state).toMatchObject({ wake: null, wakes: 1 });
    expect((await recorded(at, state, 1_000)).state.wake?.n).toBe(2);
  });

  test("with a wake further away than a message can wait is left to the sweep", async () => {
    const at = memory();
    await recorded(at, { ...waiting, target: staging }, 16 * 60_000);
    at.pass(16 * 60_000);
    expect(at.queue.receive("tick", 10).filter(({ body }) => body.includes('"tick"'))).toEqual([]);
    expect(await at.store.overdue(at.clock.now(), 10)).toHaveLength(1);
  });

  test("lets a comment on what is under way wait a moment, and no status", async () => {
    const at = memory();
    await recorded(at, waiting);
    expect(await at.due()).toEqual([STATUS]);
    expect(await at.due(NOW + 4_000)).toEqual([STATUS, "comment/12/7/1-preview"]);
    const done = memory();
    await recorded(done, alive);
    expect(await done.due()).toContain("comment/12/7/1-preview");
  });

  test("forgets what has come to its end: a later record says nothing of it any more", async () => {
    const at = memory();
    const one = rollout("a", 1).rev;
    const two = rollout("b", 2).rev;
    const { state } = await recorded(at, liveRecord(preview, "b", 2, { shown: [one, two], open: [sha("a")] }));
    expect({ open: state.open, shown: state.shown }).toEqual({ open: [], shown: [two] });
    expect(await at.due()).toEqual(expect.arrayContaining([STATUS, "deployment/preview/12/7/1"]));
    expect(Object.keys(state.told)).toContain("deployment/preview/12/7/1");
    const next = await recorded(at, { ...state, repo });
    expect(Object.keys(next.state.told)).not.toContain("deployment/preview/12/7/1");
  });

  test("that says more than a transaction has room for says it in several, and ends nothing before it was said", async () => {
    const at = memory();
    const open = Array.from({ length: 50 }, (_, n) => n.toString(16).padStart(40, "0") as Sha);
    const state = { ...liveRecord(staging, "a", 1), open, pulls: Array.from({ length: 50 }, (_, n) => n + 1) };
    let saved = await recorded(at, state);
    expect(await at.due()).toHaveLength(25);
    expect(saved.state.open, "the others are still to be told").toHaveLength(50);
    expect(saved.state.wake).toEqual({ n: 1, dueAt: NOW + 1_000 });
    for (let walks = 1; saved.state.wake !== null; walks++) {
      expect(walks, "a walk tells twenty-five").toBeLessThan(6);
      saved = await record(saved, saved.state, null, at);
    }
    const told = await at.due(NOW + 60_000);
    expect(told.filter((key) => key.startsWith("status/"))).toHaveLength(51);
    expect(told.filter((key) => key.startsWith("comment/"))).toHaveLength(50);
    expect(saved.state.open).toEqual([]);
  });

  test("of as many orders as are carried out at once wakes for those that may be left, and a failure does not", async () => {
    const at = memory();
    const { command } = ordered("deploy");
    for (let n = 0; n < 21; n++) await at.store.putCommand(preview, `${n}`, { ...command, at: NOW + n });
    const known = await at.store.load(preview);
    const failed = await record(known, { ...waiting, failures: 1 }, 60_000, at);
    expect(failed.state.wake?.dueAt).toBe(NOW + 60_000);
    const applied = failed.commands.map(({ id }) => ({ id, at: NOW }));
    const first = await record(failed, failed.state, null, at, { applied });
    expect(first.state.wake?.dueAt).toBe(NOW + 1_000);
    const left = await at.store.load(preview);
    expect(left.commands.map(({ id }) => id)).toEqual(["20"]);
  });
});
