import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Condition, Table, Write } from "../../src/adapters/table.ts";
import { OutsideError } from "../../src/core/problem.ts";

/** What every table has to do. `open` opens the same table each time it is called with the same name, in the time that `now` tells. */
export function describeTable(
  name: string,
  open: (table: string, now: () => number) => Promise<{ table: Table; close(): Promise<void> }>,
): void {
  describe(`a table: ${name}`, () => {
    let table: Table;
    let opened: Awaited<ReturnType<typeof open>>;
    let fresh = 0;
    let now = 0;
    const reopen = async (): Promise<void> => {
      opened = await open(`table-${fresh}`, () => now);
      ({ table } = opened);
    };
    beforeEach(async () => {
      fresh++;
      now = 1_800_000_000_000;
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
      const rows: [string, Condition, "written" | "conflict", "written" | "conflict"][] = [
        ["always", { kind: "always" }, "written", "written"],
        ["absent", { kind: "absent" }, "written", "conflict"],
        ["the version that is there", { kind: "version", version: 1 }, "conflict", "written"],
        ["another version", { kind: "version", version: 2 }, "conflict", "conflict"],
      ];
      const also = put("also", 1);
      test.each(rows)("%s, of one write and of one among others", async (_, when, onNothing, onPresent) => {
        expect(await table.write([put("nothing", 1, when)])).toBe(onNothing);
        expect(await table.write([put("nothing, too", 1, when), also])).toBe(onNothing);
        await table.write([put("present", "before"), put("present, too", "before")]);
        expect(await table.write([put("present", "after", when)])).toBe(onPresent);
        expect(await table.write([put("present, too", "after", when), also])).toBe(onPresent);
        const now = onPresent === "written" ? "after" : "before";
        expect([await value("present"), await value("present, too")]).toEqual([now, now]);
      });

      test.each(rows)("%s, of a delete", async (_, when, onNothing, onPresent) => {
        const remove = (sk: string): Write => ({ kind: "delete", key: key(sk), when });
        expect(await table.write([remove("nothing")])).toBe(onNothing);
        await table.write([put("present", "before"), put("present, too", "before")]);
        expect(await table.write([remove("present")])).toBe(onPresent);
        expect(await table.write([remove("present, too"), also])).toBe(onPresent);
        const now = onPresent === "written" ? undefined : "before";
        expect([await value("present"), await value("present, too")]).toEqual([now, now]);
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

    test("takes a hundred writes at once, and not one more", async () => {
      const many = Array.from({ length: 101 }, (_, n) => put(`many/${n}`, n));
      expect(await table.write(many.slice(0, 100))).toBe("written");
      expect(await table.query("p", "many/")).toHaveLength(100);
      await expect(table.write(many)).rejects.toThrow("101 writes in one transaction, and a table takes 100");
    });

    describe("what expires", () => {
      const kept = { kind: "always" } as const;
      beforeEach(async () => {
        const due = { index: "targets", at: 1 };
        await table.write([put("a", 1, kept, { expiresAt: now + 5_000, due }), put("b", 1)]);
      });

      test("is there until its time has come", async () => {
        now += 4_000;
        expect(await value("a")).toBe(1);
        expect(await table.write([put("a", 2, { kind: "absent" })])).toBe("conflict");
        expect(await table.query("p")).toHaveLength(2);
        expect(await table.due("targets", 5, 10)).toHaveLength(1);
      });

      test("is not there from then on, for readers and for writers", async () => {
        now += 5_000;
        expect(await table.get(key("a"))).toBeNull();
        expect((await table.query("p")).map(({ sk }) => sk)).toEqual(["b"]);
        expect(await table.due("targets", 5, 10)).toEqual([]);
        expect(await table.write([put("a", 2, { kind: "version", version: 1 })])).toBe("conflict");
        expect(await table.write([put("a", 3, { kind: "absent" })])).toBe("written");
        expect(await table.get(key("a"))).toEqual({ ...key("a"), value: 3, version: 1, due: null });
      });

      test("stays, once it is written without an end", async () => {
        await table.write([put("a", 2)]);
        now += 60_000;
        expect(await value("a")).toBe(2);
      });

      test("has expired also for who opens the table afterwards", async () => {
        now += 5_000;
        await opened.close();
        await reopen();
        expect(await value("a")).toBeUndefined();
        expect(await value("b")).toBe(1);
      });
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
      await table.write([put("a", { n: 1 }, { kind: "always" }, { due: { index: "targets", at: 7 } })]);
      await opened.close();
      await reopen();
      expect(await table.get(key("a"))).toEqual({
        ...key("a"),
        value: { n: 1 },
        version: 1,
        due: { index: "targets", at: 7 },
      });
      expect(await table.write([put("a", 2, { kind: "version", version: 2 })])).toBe("conflict");
    });
  });
}

/** What a table that is kept somewhere refuses, and what it gives in many pieces. */
export function describeTableLimits(name: string, open: () => Promise<{ table: Table; close(): Promise<void> }>): void {
  describe(`the limits of a table: ${name}`, () => {
    let table: Table;
    let opened: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      opened = await open();
      ({ table } = opened);
    });
    afterEach(() => opened.close());
    const put = (sk: string, value: unknown): Write => ({
      kind: "put",
      key: { pk: "p", sk },
      value,
      when: { kind: "always" },
    });
    const value = async (sk: string) => (await table.get({ pk: "p", sk }))?.value;

    test("says which item is too large for it, and how large it is", async () => {
      const large = put("large", "x".repeat(400 * 1024));
      const refused = await table.write([put("small", 1), large]).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(OutsideError);
      expect((refused as OutsideError).problem).toMatchObject({
        code: "invalid",
        detail: "p large has 401 KB, and the table takes 400 KB",
        retryable: false,
      });
      expect(await value("small")).toBeUndefined();
      const most = "ä".repeat(199 * 1024);
      expect(await table.write([put("large", most)])).toBe("written");
      expect(await value("large")).toBe(most);
    });

    test("says that a transaction is too large for it", async () => {
      const writes = Array.from({ length: 11 }, (_, n) => put(`large/${n}`, "x".repeat(399 * 1024)));
      await expect(table.write(writes)).rejects.toThrow(/a transaction with p large\/10 has 43\d\d KB/);
    });

    test("lists everything, however much it is", async () => {
      const text = "x".repeat(100_000);
      for (let n = 0; n < 25; n++) await table.write([put(`page/${100 + n}`, { n, text })]);
      const listed = await table.query("p", "page/");
      expect(listed.map(({ value: found }) => (found as { n: number }).n)).toEqual([...listed.keys()]);
      expect(listed).toHaveLength(25);
    });
  });
}
