import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Condition, Table, Write } from "../../src/adapters/table.ts";

/** What every table has to do. `open` opens the same table each time it is called with the same name. */
export function describeTable(
  name: string,
  open: (table: string) => Promise<{ table: Table; close(): Promise<void> }>,
): void {
  describe(`a table: ${name}`, () => {
    let table: Table;
    let opened: Awaited<ReturnType<typeof open>>;
    let fresh = 0;
    const reopen = async (): Promise<void> => {
      opened = await open(`table-${fresh}`);
      ({ table } = opened);
    };
    beforeEach(async () => {
      fresh++;
      await reopen();
    });
    afterEach(() => opened.close());

    const key = (sk: string, pk = "p") => ({ pk, sk });
    const put = (sk: string, value: unknown, when: Condition = { kind: "always" }, more: object = {}): Write => ({
      kind: "put",
      key: key(sk),
      value,
      when,
      ...more,
    });
    const value = async (sk: string) => (await table.get(key(sk)))?.value;

    test("gives back what was put, and null for what was not", async () => {
      const kept = { text: "ä 🚢", list: [1, null, { deep: true }] };
      expect(await table.write([put("a", kept)])).toBe("written");
      expect(await table.get(key("a"))).toEqual({ ...key("a"), value: kept, version: 1, due: null });
      expect(await table.get(key("b"))).toBeNull();
      expect(await table.get(key("a", "other"))).toBeNull();
    });

    test("counts an item's writes, and begins anew after a delete", async () => {
      for (const n of [1, 2, 3]) await table.write([put("a", n)]);
      expect((await table.get(key("a")))?.version).toBe(3);
      await table.write([{ kind: "delete", key: key("a"), when: { kind: "always" } }]);
      expect(await value("a")).toBeUndefined();
      await table.write([put("a", 4)]);
      expect((await table.get(key("a")))?.version).toBe(1);
    });

    describe("a condition", () => {
      const rows: [string, Condition, number | undefined, "written" | "conflict", "written" | "conflict"][] = [
        ["always", { kind: "always" }, undefined, "written", "written"],
        ["absent", { kind: "absent" }, undefined, "written", "conflict"],
        ["the version that is there", { kind: "version", version: 1 }, undefined, "conflict", "written"],
        ["another version", { kind: "version", version: 2 }, undefined, "conflict", "conflict"],
        ["not older, by a later order", { kind: "notOlder" }, 6, "written", "written"],
        ["not older, by the same order", { kind: "notOlder" }, 5, "written", "written"],
        ["not older, by an earlier order", { kind: "notOlder" }, 4, "written", "conflict"],
        ["not older, by no order", { kind: "notOlder" }, undefined, "written", "conflict"],
      ];
      test.each(rows)("%s", async (_, when, order, onNothing, onPresent) => {
        expect(await table.write([put("nothing", 1, when, order === undefined ? {} : { order })])).toBe(onNothing);
        await table.write([put("present", "before", { kind: "always" }, { order: 5 })]);
        expect(await table.write([put("present", "after", when, order === undefined ? {} : { order })])).toBe(
          onPresent,
        );
        expect(await value("present")).toBe(onPresent === "written" ? "after" : "before");
      });

      test("of a delete and of a mere check holds or stops the same", async () => {
        await table.write([put("a", 1)]);
        const gone = { kind: "delete", key: key("a"), when: { kind: "version", version: 7 } } as const;
        const check = { kind: "check", key: key("a"), when: { kind: "absent" } } as const;
        expect(await table.write([gone])).toBe("conflict");
        expect(await table.write([put("b", 1), check])).toBe("conflict");
        expect(await table.write([put("b", 1), { ...check, when: { kind: "version", version: 1 } }])).toBe("written");
        expect([await value("a"), await value("b")]).toEqual([1, 1]);
      });
    });

    test("writes all of a transaction or nothing, wherever the condition that fails stands", async () => {
      await table.write([put("there", "before")]);
      const fails = put("there", "after", { kind: "absent" });
      const others = [
        put("x", 1),
        put("y", 1),
        { kind: "delete", key: key("there"), when: { kind: "always" } } as Write,
      ];
      for (const writes of [
        [fails, ...others.slice(0, 2)],
        [...others.slice(0, 2), fails],
      ]) {
        expect(await table.write(writes)).toBe("conflict");
        expect([await value("x"), await value("y"), await value("there")]).toEqual([undefined, undefined, "before"]);
      }
      expect(await table.write(others)).toBe("written");
      expect([await value("x"), await value("y"), await value("there")]).toEqual([1, 1, undefined]);
    });

    test("refuses two writes of one item in one transaction, and writes neither", async () => {
      await expect(table.write([put("a", 1), put("b", 1), put("a", 2)])).rejects.toThrow(/twice/);
      expect([await value("a"), await value("b")]).toEqual([undefined, undefined]);
    });

    test("of many at once with the same condition, one wins", async () => {
      const outcomes = await Promise.all([1, 2, 3, 4].map((n) => table.write([put("a", n, { kind: "absent" })])));
      expect(outcomes.toSorted()).toEqual(["conflict", "conflict", "conflict", "written"]);
    });

    test("lists a partition by prefix, in the order of the sort key", async () => {
      await table.write(["b/2", "a/1", "b/10", "b/1", "c"].map((sk) => put(sk, sk)));
      await table.write([{ ...put("b/3", "another partition"), key: key("b/3", "q") }]);
      expect((await table.query("p", "b/")).map(({ sk }) => sk)).toEqual(["b/1", "b/10", "b/2"]);
      expect((await table.query("p")).map(({ sk }) => sk)).toEqual(["a/1", "b/1", "b/10", "b/2", "c"]);
      expect(await table.query("p", "d")).toEqual([]);
    });

    test("finds what is due, the earliest first and no more than was asked for", async () => {
      const due = (at: number, index = "targets") => ({ due: { index, at } });
      await table.write([
        put("late", 1, { kind: "always" }, due(300)),
        put("early", 1, { kind: "always" }, due(100)),
        put("now", 1, { kind: "always" }, due(200)),
        put("never", 1),
        put("other", 1, { kind: "always" }, due(1, "reports")),
      ]);
      const found = async (before: number, limit = 10) =>
        (await table.due("targets", before, limit)).map(({ sk }) => sk);
      expect(await found(200)).toEqual(["early", "now"]);
      expect(await found(99)).toEqual([]);
      expect(await found(1_000, 2)).toEqual(["early", "now"]);
      expect((await table.due("targets", 100, 1))[0]?.due).toEqual({ index: "targets", at: 100 });
    });

    test("takes an item out of the index with the write that has no time any more", async () => {
      await table.write([put("a", 1, { kind: "always" }, { due: { index: "targets", at: 1 } })]);
      await table.write([put("a", 2)]);
      expect(await table.due("targets", 1_000, 10)).toEqual([]);
    });

    test("remembers everything after it was closed and opened again", async () => {
      await table.write([put("a", { n: 1 }, { kind: "always" }, { order: 5, due: { index: "targets", at: 7 } })]);
      await opened.close();
      await reopen();
      expect(await table.get(key("a"))).toEqual({
        ...key("a"),
        value: { n: 1 },
        version: 1,
        due: { index: "targets", at: 7 },
      });
      expect(await table.write([put("a", 2, { kind: "notOlder" }, { order: 4 })])).toBe("conflict");
    });
  });
}
