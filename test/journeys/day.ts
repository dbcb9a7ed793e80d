import { expect, test } from "vitest";
import type { StartWorld } from "./harness.ts";
import { commentSays, configure, isEvent, live, short, statusIs } from "./races-support.ts";

/** What people decide in the course of a day, each in one world, one after the other. */
export function day(startWorld: StartWorld): void {
  const MATE = { login: "mate", token: "ghp_mate", permission: "write" } as const;

  test(
    "closing and reopening, approving by button and by command, rolling back, and an outage of the webhook",
    { timeout: 600_000 },
    async (t) => {
      let out = false;
      const missed: (() => Promise<unknown>)[] = [];
      const shop = await startWorld(t, {
        people: [MATE],
        async deliver(delivery, send) {
          if (!out || isEvent(delivery, "installation")) return send();
          missed.push(send);
          return { status: 503 };
        },
      });
      const { person } = shop;
      const mate = shop.as("mate");
      const approve = { permission: "write", notAuthor: true };
      await configure(shop, { environments: { staging: { bake: "0s" }, production: { bake: "0s", approve } } });
      const asksFor = (sha: string) =>
        shop.until(
          async () => (await shop.checkRun(sha, "proa/production report"))?.conclusion === "action_required",
          `production asks for an approval of ${short(sha)}`,
        );
      const digestIn = async (namespace: string) =>
        (await shop.live(namespace))["web"]?.annotations["proa.dev/digest"] ?? `nothing runs in ${namespace}`;

      // A preview goes with its pull request and comes back with it.
      const { number, sha } = await person.openPullRequest({ branch: "lamp" });
      await live(shop, sha, "preview");
      await person.close(number);
      await commentSays(shop, number, "Preview removed");
      expect(await shop.namespace(shop.previewNamespace(number))).toBeNull();
      await person.reopen(number);
      await commentSays(shop, number, "Preview is ready");
      expect(await shop.serving("pr-1.shop.localhost")).toBe(sha);

      // Staging takes the merge, production waits for somebody else's word.
      const merged = await person.merge(number);
      await live(shop, merged, "staging");
      await asksFor(merged);
      await mate.pressButton(merged, "proa/production report", "approve");
      await live(shop, merged, "production");
      expect(await digestIn(shop.namespaces.production)).toBe(await digestIn(shop.namespaces.staging));

      // The next one is approved by a command, regretted, and taken back by a button.
      const second = await person.push("main", "good");
      await asksFor(second);
      const talk = await person.openPullRequest({ branch: "talk", version: { "talk.txt": "about it\n" } });
      await mate.comment(talk.number, "/approve production");
      await live(shop, second, "production");
      await shop.until(
        async () => (await shop.checkRun(second, "proa/production report"))?.conclusion === "success",
        "its report has the button",
      );
      await person.pressButton(second, "proa/production report", "rollback");
      expect(await statusIs(shop, second, "proa/production", "failure")).toContain(short(merged));
      expect(await shop.serving("shop.localhost")).toBe(merged);

      // What GitHub could not deliver, it delivers when it is asked to again.
      out = true;
      const pushed = await person.push("talk", "good");
      await shop.world.ci.idle();
      await shop.world.github.idle();
      expect(missed.length).toBeGreaterThan(0);
      out = false;
      await shop.world.sweep("github");
      await live(shop, pushed, "preview");
      await shop.quiet();
    },
  );
}
