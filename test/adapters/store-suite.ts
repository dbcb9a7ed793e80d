import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOutbox, type Have, type Outbox, Overtaken, type Want } from "../../src/adapters/outbox.ts";
import { NewerRecord } from "../../src/adapters/store-format.ts";
import { createStore, type KnownTarget, MOST_COMMANDS, type Save, type Store } from "../../src/adapters/store.ts";
import type { Table } from "../../src/adapters/table.ts";
import type { Command } from "../../src/core/message.ts";
import { parseRepoName, topicId } from "../../src/core/names.ts";
import type { Hold, TargetState } from "../../src/core/state.ts";
import type { Surface } from "../../src/core/words.ts";
import {
  digest,
  liveRecord,
  NOW,
  ordered,
  preview,
  record,
  release,
  repo,
  repoId,
  sha,
  staging,
} from "../core/decision-fixture.ts";

const DAY = 24 * 3_600_000;

/** What the store and the outbox have to do on any table. `open` gives an empty one. */
export function describeStore(
  name: string,
  open: (now: () => number) => Promise<{ table: Table; close(): Promise<void> }>,
): void {
  describe(`store and outbox: ${name}`, () => {
    let store: Store;
    let outbox: Outbox;
    let opened: Awaited<ReturnType<typeof open>>;
    let now = NOW;
    beforeEach(async () => {
      now = NOW;
      opened = await open(() => now);
      store = createStore(opened.table);
      outbox = createOutbox(opened.table);
    });
    afterEach(() => opened.close());

    const state: TargetState = { ...liveRecord(staging, "a", 1), gatheredAt: NOW };
    const save = async (change: Partial<Save> = {}, known?: KnownTarget) =>
      store.save({
        known: known ?? (await store.load(change.next?.target ?? staging)),
        next: state,
        surfaces: [],
        ...change,
      });
    const wake = (dueAt: number): TargetState => ({ ...state, wake: { n: 1, dueAt } });
    const { command } = ordered("rollback");
    const hold: Hold = { sha: sha("b"), upTo: null, by: "proa", because: "x", at: NOW };
    const commitTopic = topicId({ kind: "commit", repoId, sha: sha("b") });

    describe("a target", () => {
      test("that nobody saved is not there", async () => {
        expect(await store.load(staging)).toEqual({ state: null, version: 0, commands: [], holds: [], glance: null });
        expect(await store.targetsOf(repoId)).toEqual([]);
      });

      test("is loaded as it was saved, and is one of its repository's from then on", async () => {
        const saved = await save();
        expect(saved).toEqual({ kind: "saved", known: await store.load(staging) });
        expect(await store.load(staging)).toMatchObject({ state, version: 1 });
        await save({ next: record(preview) });
        expect(await store.targetsOf(repoId)).toEqual([staging, preview]);
        expect(await store.targetsOf(repoId, "env")).toEqual([staging]);
      });

      test("saved by two who read the same is saved by the first; the second has written nothing at all", async () => {
        const known = await store.load(staging);
        await save({}, known);
        const late: Partial<Save> = {
          next: { ...state, because: "late" },
          release: release("b", 2),
          holds: { put: [hold], remove: [] },
          waiting: { on: [commitTopic], off: [] },
          digests: [{ image: "i", tag: "t", digest: digest("b") }],
          surfaces: [{ surface: status("late"), notBefore: 0 }],
        };
        expect(await save(late, known)).toEqual({ kind: "conflict" });
        expect(await store.load(staging)).toMatchObject({ state, version: 1, holds: [] });
        expect(await store.release(staging, release("b", 2).rev)).toBeNull();
        expect(await store.waiters(commitTopic)).toEqual([]);
        expect(await store.digest(repoId, "i", "t")).toBeNull();
        expect(await outbox.due(3, NOW, 10)).toEqual([]);
      });

      test("can be saved again with what the save gave back", async () => {
        const first = await save();
        if (first.kind === "conflict") throw new Error("nobody else writes");
        const second = await save({ next: { ...state, because: "second" } }, first.known);
        expect(second).toEqual({ kind: "saved", known: await store.load(staging) });
        expect(await store.load(staging)).toMatchObject({ version: 2, state: { because: "second" } });
      });

      test("is overdue from its time on, the longest first, until it asks for no wake any more", async () => {
        await save({ next: wake(200) });
        await save({ next: { ...record(preview), wake: { n: 1, dueAt: 100 } } });
        expect(await store.overdue(99, 10)).toEqual([]);
        expect((await store.overdue(200, 10)).map(({ target }) => target)).toEqual([preview, staging]);
        expect(await store.overdue(200, 1)).toHaveLength(1);
        await save({ next: { ...state, wake: null } });
        expect((await store.overdue(200, 10)).map(({ target }) => target)).toEqual([preview]);
      });
    });

    describe("a glance", () => {
      const { target: shown } = record(preview);
      const glances = () => store.glances(repoId);

      test("is what a sweep sees of a target, as it was last saved", async () => {
        await save();
        const placements = { default: { namespace: "x", uid: "u1", support: "" } };
        await save({ next: { ...record(preview), placements, gatheredAt: NOW, phase: "removing" } });
        expect(await glances()).toEqual([
          { target: staging, head: null, wanted: sha("a"), gatheredAt: NOW, removing: false, places: {} },
          { target: shown, head: null, wanted: null, gatheredAt: NOW, removing: true, places: { default: "u1" } },
        ]);
        expect((await store.load(staging)).glance).toEqual((await glances())[0]);
      });

      test("that was put aside comes back with the next look", async () => {
        await save();
        await save({ next: record(preview) });
        await store.putAside([staging, preview]);
        expect(await glances()).toEqual([]);
        await save({ next: { ...state, gatheredAt: NOW + 1 } });
        expect((await glances()).map(({ target }) => target)).toEqual([staging]);
        expect(await store.targetsOf(repoId), "and nothing was forgotten meanwhile").toEqual([staging, preview]);
      });
    });

    describe("a record's format", () => {
      const newer = { v: 2, record: { what: "a newer Proa makes of it" } };
      const at = (sk: string) => ({ pk: "target/env/12/staging", sk });
      const put = async (sk: string, value: unknown, due: { index: string; at: number } | null = null) => {
        await opened.table.write([{ kind: "put", key: at(sk), value, when: { kind: "always" }, due }]);
      };

      test("that is newer than this Proa's is not guessed at", async () => {
        await put("state", newer);
        await expect(store.load(staging)).rejects.toThrow(NewerRecord);
        await expect(store.load(staging)).rejects.toThrow(
          "target/env/12/staging state is of format 2, and this Proa reads up to 1",
        );
      });

      test("counts for releases and for orders too", async () => {
        await save();
        await put("release/00000002", newer);
        await expect(store.release(staging, release("a", 2).rev)).rejects.toThrow(NewerRecord);
        await put("command/1", newer);
        await expect(store.load(staging)).rejects.toThrow(NewerRecord);
      });

      test("that is newer hides no other target from the overdue sweep", async () => {
        await put("state", newer, { index: "targets", at: 1 });
        await save({ next: { ...record(preview), wake: { n: 1, dueAt: 100 } } });
        expect((await store.overdue(200, 10)).map(({ target }) => target)).toEqual([preview]);
      });

      test("of before there were formats is read, with the holds that stood beside it", async () => {
        const { told: _, ...older } = state;
        await put("state", older);
        await put(`hold/${hold.sha}`, hold);
        await put("release/00000001", release("a", 1));
        const known = await store.load(staging);
        expect(known).toMatchObject({ state: { ...older, told: {} }, version: 1, holds: [hold] });
        expect(await store.release(staging, release("a", 1).rev)).toEqual(release("a", 1));
        await save({ holds: { put: [], remove: [hold.sha] } }, known);
        expect((await store.load(staging)).holds).toEqual([]);
      });
    });

    test("a release is kept for good, in the order of its revisions, and never written over", async () => {
      await save({ release: release("a", 9) });
      await save({ release: release("b", 10) });
      expect(await save({ release: release("c", 10) })).toEqual({ kind: "conflict" });
      expect(await store.release(staging, release("b", 10).rev)).toEqual(release("b", 10));
      expect((await store.releases(staging)).map(({ rev }) => rev)).toEqual([9, 10]);
    });

    describe("a command", () => {
      const earlier: Command = { ...command, verb: "approve", at: NOW - 1 };

      test("is stored once, whoever redelivers it", async () => {
        expect(await store.putCommand(staging, "1", command)).toBe("stored");
        expect(await store.putCommand(staging, "1", earlier)).toBe("known");
        expect((await store.load(staging)).commands).toEqual([{ id: "1", command, appliedAt: null }]);
      });

      test("waits, the oldest first, until it is applied with its effect; then it is known but waits no more", async () => {
        await store.putCommand(staging, "1", command);
        await store.putCommand(staging, "2", earlier);
        expect((await store.load(staging)).commands.map(({ id }) => id)).toEqual(["2", "1"]);
        await save({ applied: [{ id: "2", at: NOW }] });
        expect((await store.load(staging)).commands.map(({ id }) => id)).toEqual(["1"]);
        expect(await store.putCommand(staging, "2", earlier)).toBe("known");
      });

      test("that was read beside a newer record than it was applied with is not applied again", async () => {
        await store.putCommand(staging, "1", command);
        const { commands } = await store.load(staging);
        await save({ applied: [{ id: "1", at: NOW }] });
        const mixed = { ...(await store.load(staging)), commands };
        expect(await save({ applied: [{ id: "1", at: NOW }] }, mixed)).toEqual({ kind: "conflict" });
      });

      test("is one of the twenty oldest, however many there are", async () => {
        for (let n = 0; n < 25; n++) await store.putCommand(staging, `${n}`, { ...command, at: NOW + n });
        const { commands } = await store.load(staging);
        expect(commands.map(({ id }) => id)).toEqual(Array.from({ length: MOST_COMMANDS }, (_, n) => `${n}`));
        await save({ applied: commands.map(({ id }) => ({ id, at: NOW })) });
        expect((await store.load(staging)).commands.map(({ id }) => id)).toEqual(["20", "21", "22", "23", "24"]);
      });

      test("is forgotten a month after it was applied, and never before", async () => {
        await store.putCommand(staging, "1", command);
        now += 90 * DAY;
        expect((await store.load(staging)).commands).toHaveLength(1);
        await save({ applied: [{ id: "1", at: now }] });
        now += 29 * DAY;
        expect(await store.putCommand(staging, "1", command)).toBe("known");
        now += 2 * DAY;
        expect(await store.putCommand(staging, "1", command)).toBe("stored");
      });

      test("that came after the record was read is not lost by saving it", async () => {
        const known = await store.load(staging);
        await store.putCommand(staging, "1", command);
        expect((await save({}, known)).kind).toBe("saved");
        expect((await store.load(staging)).commands).toHaveLength(1);
      });
    });

    test("holds are set and released with the record; one that is set again in the same breath stays", async () => {
      await save({ holds: { put: [hold], remove: [] } });
      expect((await store.load(staging)).holds).toEqual([hold]);
      await save({ holds: { put: [{ ...hold, because: "y" }], remove: [hold.sha] } });
      expect((await store.load(staging)).holds).toEqual([{ ...hold, because: "y" }]);
      await save({ holds: { put: [], remove: [hold.sha] } });
      expect((await store.load(staging)).holds).toEqual([]);
    });

    test("whoever waits for a commit or an image is found by it, until it waits no more", async () => {
      const image = topicId({ kind: "image", repository: "acme/shop-web", tag: "t" });
      await save({ waiting: { on: [commitTopic, image, image], off: [] } });
      await save({ next: record(preview), waiting: { on: [commitTopic], off: [] } });
      expect((await store.waiters(commitTopic)).map(({ target }) => target)).toEqual([staging, preview]);
      expect(await store.waiters(image)).toEqual([{ target: staging, installation: 3, repo }]);
      await save({ waiting: { on: [], off: [commitTopic] } });
      expect((await store.waiters(commitTopic)).map(({ target }) => target)).toEqual([preview]);
    });

    test("slots are taken from what was read: of two pull requests that take the last one, one gets it", async () => {
      const before = await store.slots(repoId);
      expect(before).toEqual({ version: 0, held: [], queue: [] });
      expect((await save({ slots: { before, held: [7], queue: [] } })).kind).toBe("saved");
      expect(await save({ next: record(preview), slots: { before, held: [8], queue: [] } })).toEqual({
        kind: "conflict",
      });
      expect(await store.slots(repoId)).toEqual({ version: 1, held: [7], queue: [] });
    });

    test("a tag's digest is kept by repository, image and tag, also where two services share it", async () => {
      const found = { image: "registry.example/acme/shop", tag: "v1", digest: digest("a") };
      await save({ digests: [found, found] });
      expect(await store.digest(repoId, found.image, "v1")).toBe(digest("a"));
      expect(await store.digest(repoId, found.image, "v2")).toBeNull();
    });

    test("a tag's digest is forgotten when GitHub has forgotten the commit's checks", async () => {
      const found = { image: "registry.example/acme/shop", tag: "v1", digest: digest("a") };
      await save({ digests: [found] });
      now += 399 * DAY;
      expect(await store.digest(repoId, found.image, "v1")).toBe(digest("a"));
      now += 2 * DAY;
      expect(await store.digest(repoId, found.image, "v1")).toBeNull();
    });

    test("however many images a step has found, all are kept, and the step is saved", async () => {
      const digests = Array.from({ length: 250 }, (_, n) => ({ image: "i", tag: `${n}`, digest: digest("a") }));
      expect(await save({ digests, surfaces: [{ surface: status("x"), notBefore: NOW }] })).toMatchObject({
        kind: "saved",
      });
      expect(await store.digest(repoId, "i", "0")).toBe(digest("a"));
      expect(await store.digest(repoId, "i", "249")).toBe(digest("a"));
      expect(await outbox.due(3, NOW, 10)).toHaveLength(1);
    });

    test("repositories are remembered by number, whatever they are called", async () => {
      const meta = { id: repoId, name: repo, installation: 3, active: true };
      expect(await store.repo(repoId)).toBeNull();
      await store.putRepo(meta);
      const renamed = { ...meta, name: parseRepoName("acme/store") ?? repo };
      await store.putRepo(renamed);
      expect([await store.repo(repoId), await store.repos()]).toEqual([renamed, [renamed]]);
    });

    test("a lease has one holder until it expires", async () => {
      expect(await store.lease("github", NOW, 1_000)).toBe(true);
      expect(await store.lease("github", NOW + 999, 1_000)).toBe(false);
      expect(await store.lease("other", NOW, 1_000)).toBe(true);
      const both = await Promise.all([
        store.lease("github", NOW + 1_000, 1_000),
        store.lease("github", NOW + 1_000, 1_000),
      ]);
      expect(both.toSorted()).toEqual([false, true]);
    });

    test("a cursor is what was last put", async () => {
      expect(await store.cursor("deliveries")).toBeNull();
      await store.putCursor("deliveries", 7);
      await store.putCursor("deliveries", 8);
      expect(await store.cursor("deliveries")).toBe(8);
    });

    describe("the outbox", () => {
      const want = (surface: Surface, notBefore = NOW) => save({ surfaces: [{ surface, notBefore }] });
      const due = (now = NOW) => outbox.due(3, now, 10);
      const only = async (): Promise<Want> => {
        const [first, ...others] = await due();
        if (first === undefined || others.length > 0) throw new Error("one thing is wanted");
        return first;
      };
      const have: Have = { id: 5, shown: "hash", creating: false, recreated: 0 };

      test("keeps the latest want per place", async () => {
        await want(status("first"));
        await want(status("second"));
        expect(await only()).toMatchObject({ installation: 3, repo, surface: status("second"), attempts: 0 });
      });

      test("is due no sooner than it was asked for, and only for its installation", async () => {
        await want(status("x"), NOW + 500);
        expect(await due()).toEqual([]);
        expect(await due(NOW + 500)).toHaveLength(1);
        expect(await outbox.due(4, NOW + 500, 10)).toEqual([]);
      });

      test("forgets what is done", async () => {
        await want(status("x"));
        await outbox.done(await only());
        expect(await due(NOW + 1e9)).toEqual([]);
      });

      test("does not forget what was changed while it was being written", async () => {
        await want(status("first"));
        const writing = await only();
        await want(status("second"));
        await outbox.done(writing);
        expect(await only()).toMatchObject({ surface: status("second") });
      });

      test("has a place written again that a late reporter has painted over", async () => {
        await want(status("first"));
        const late = await only();
        await want(status("second"));
        await outbox.done(await only());
        expect(await due()).toEqual([]);
        await outbox.done(late);
        expect(await only()).toMatchObject({ surface: status("second") });
      });

      test("does not put off what was changed while it was failing", async () => {
        await want(status("first"));
        const failing = await only();
        await want(status("second"));
        await outbox.later(failing, NOW + 60_000);
        expect(await only()).toMatchObject({ surface: status("second"), attempts: 0 });
      });

      test("counts the attempts until it is done", async () => {
        await want(status("x"));
        await outbox.later(await only(), NOW);
        await outbox.later(await only(), NOW + 1_000);
        expect(await due()).toEqual([]);
        expect(await due(NOW + 1_000)).toMatchObject([{ attempts: 2 }]);
      });

      test("has every part of a pull request's comment, written or not, by name", async () => {
        await want(part("2-staging", "staging"));
        await want(part("1-preview", "preview"));
        await want({ ...part("1-preview", "another"), number: 71, key: "comment/12/71/1-preview" });
        for (const met of await due()) await outbox.done(met);
        expect((await outbox.parts(3, repoId, 7)).map(({ text }) => text)).toEqual(["preview", "staging"]);
      });

      test("remembers what a place shows, beside what it should show", async () => {
        await want(status("x"));
        const place = await outbox.place(3, "status/x");
        expect(place.have).toBeNull();
        await place.save(have);
        const again = await outbox.place(3, "status/x");
        expect(again.have).toEqual(have);
        await again.save({ ...have, recreated: 1 });
        await expect(place.save(have), "by who was held up meanwhile").rejects.toThrow(Overtaken);
        expect((await outbox.place(3, "status/x")).have).toEqual({ ...have, recreated: 1 });
        expect(await due()).toHaveLength(1);
      });

      test("keeps each installation's budget", async () => {
        const budget = { minute: [{ at: NOW, writes: 1 }], hour: [{ at: NOW, writes: 2 }] };
        expect(await outbox.budget(3)).toBeNull();
        await outbox.putBudget(3, budget);
        expect([await outbox.budget(3), await outbox.budget(4)]).toEqual([budget, null]);
      });
    });
  });
}

const status = (description: string): Surface => ({
  kind: "status",
  key: "status/x",
  sha: sha("a"),
  body: { context: "proa/staging", state: "pending", description, targetUrl: null },
});

const part = (name: string, text: string): Extract<Surface, { kind: "comment" }> => ({
  kind: "comment",
  key: `comment/12/7/${name}`,
  number: 7,
  part: name,
  order: 0,
  text,
});
