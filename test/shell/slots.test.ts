import { describe, expect, test } from "vitest";
import { createStore, type Slots } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import type { Decision } from "../../src/core/decision.ts";
import { newTarget } from "../../src/core/state.ts";
import { Conflict } from "../../src/record.ts";
import { slotOf, type SlotsChange, withSlots } from "../../src/slots.ts";
import { repo, repoId } from "../core/decision-fixture.ts";

const CAP = 2;
const preview = (number: number) => ({ kind: "preview", repoId, number }) as const;
const slots = (held: readonly number[], queue: readonly number[] = []): Slots => ({ version: 1, held, queue });

describe("a slot", () => {
  test.each([
    ["held", slots([7, 8]), { kind: "held" }],
    ["free", slots([8]), { kind: "free" }],
    ["full, and behind everybody who waits", slots([8, 9], [1, 2]), { kind: "full", position: 3, cap: CAP }],
    ["full, in its own place among those who wait", slots([8, 9], [1, 7, 2]), { kind: "full", position: 2, cap: CAP }],
    ["not free for who came later than others", slots([8], [1]), { kind: "full", position: 2, cap: CAP }],
    ["free for the first who waits", slots([8], [7]), { kind: "free" }],
  ])("is %s", (_, present, expected) => {
    expect(slotOf(7, present, CAP)).toEqual(expected);
  });
});

/** Two previews of one repository, each deciding from what it has read. */
async function repository() {
  const store = createStore(createSqliteTable(":memory:"));
  const read = await store.slots(repoId);
  return {
    store,
    read,
    /** Answers how often it was saved. */
    take: async (number: number, decided: Decision["slot"] = "take", meanwhile = async () => undefined as unknown) => {
      const target = preview(number);
      const known = await store.load(target);
      let tried = 0;
      const save = async (change: SlotsChange | null) => {
        if (tried++ === 0) await meanwhile();
        const slotsOf = change === null ? {} : { slots: change };
        const saved = await store.save({ known, next: newTarget(target, 3, repo), surfaces: [], ...slotsOf });
        if (saved.kind === "conflict") throw new Conflict();
      };
      const from = { target, known, read, slot: slotOf(number, read, CAP), cap: CAP };
      await withSlots(from, decided, save, { store });
      return tried;
    },
  };
}

describe("a slot that is taken", () => {
  test("while another preview took one is taken all the same: nothing else has changed", async () => {
    const { store, take } = await repository();
    expect(await take(7, "take", () => take(8))).toBe(2);
    expect((await store.slots(repoId)).held).toEqual([8, 7]);
  });

  test("while others took the last ones is not taken: the pull request is looked at anew", async () => {
    const { store, take } = await repository();
    const others = async () => [await take(8), await take(9)];
    await expect(take(7, "take", others)).rejects.toThrow(Conflict);
    expect((await store.slots(repoId)).held).toEqual([8, 9]);
    expect((await store.load(preview(7))).state).toBeNull();
  });

  test("while somebody else wrote the same target is not taken", async () => {
    const { store, take } = await repository();
    await expect(take(7, "take", () => take(7))).rejects.toThrow(Conflict);
    expect((await store.slots(repoId)).held).toEqual([7]);
  });

  test("is left as it is by who keeps it", async () => {
    const { store, take } = await repository();
    expect(await take(7, "keep")).toBe(1);
    expect((await store.slots(repoId)).version).toBe(0);
  });
});
