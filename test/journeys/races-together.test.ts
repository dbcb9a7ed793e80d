import { expect, test } from "vitest";
import type { Effects } from "../../src/effects.ts";
import { type Journey, startWorld } from "./harness.ts";
import { live, onGitHub } from "./races-support.ts";

test("race 6: two previews that claim a slot at the same moment both come up", async (t) => {
  let both = Promise.withResolvers<void>();
  let waiting = -1;
  const meet = async (): Promise<void> => {
    if (waiting < 0 || ++waiting > 2) return;
    if (waiting === 2) both.resolve();
    await both.promise;
  };
  const interfere = (fx: Effects): Effects => ({
    ...fx,
    store: {
      ...fx.store,
      async slots(repoId) {
        const slots = await fx.store.slots(repoId);
        await meet();
        return slots;
      },
    },
  });
  const shop = await startWorld(t, { interfere });
  const { person } = shop;
  const pulls = [
    await person.openPullRequest({ branch: "lamp", draft: true }),
    await person.openPullRequest({ branch: "oar", draft: true }),
  ];
  await shop.quiet();
  waiting = 0;
  const started = shop.world.clock.nowMs();
  // One event each: nothing else would make Proa look again soon.
  await Promise.all(pulls.map(({ number }) => person.setDraft(number, false)));
  for (const { sha } of pulls) await live(shop, sha, "preview");

  expect(shop.log.some((line) => line.includes("another worker was faster"))).toBe(true);
  expect(shop.world.clock.nowMs() - started).toBeLessThan(60_000);
});

test("a check that passes while its commit's checks are being read is not missed", async (t) => {
  let shop: Journey | null = null;
  let passing: string | null = null;
  const interfere = onGitHub((github) => ({
    async checks(name, sha) {
      const seen = await github.checks(name, sha);
      if (shop !== null && sha === passing) {
        passing = null;
        const { owner, name: repo } = shop;
        await shop.ci.report({ owner, repo, sha }, "success");
        await shop.world.github.idle();
      }
      return seen;
    },
  }));
  shop = await startWorld(t, { interfere, ci: "manual" });
  const { owner, name: repo } = shop;
  const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
  await shop.ci.build({ owner, repo, sha });
  await shop.quiet();
  passing = sha;
  const started = shop.world.clock.nowMs();
  await shop.person.label(1, "urgent"); // a hint like any other: the preview is looked at
  await live(shop, sha, "preview");

  expect(shop.world.clock.nowMs() - started).toBeLessThan(60_000);
});
