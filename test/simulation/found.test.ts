import { expect, test } from "vitest";
import { CALM } from "./faults.ts";
import { type Repo, versionText } from "./github.ts";
import { run, type Scripted } from "./run.ts";
import { CHECK, configText, LABEL, PLAIN, type Plan } from "./scenario.ts";
import type { Storyteller } from "./story.ts";
import type { World } from "./world.ts";

/**
 * Histories that once ended wrong, cut down to what they take. They are played without chance; that nothing is wrong with the end is for
 * the same invariants to say.
 */

const MINUTE = 60_000;
const SHOP = {
  name: "acme/shop",
  services: ["web"],
  config: PLAIN,
  checksOn: "push",
  protected: false,
} as const;
const PLAN: Plan = {
  repositories: [SHOP],
  ci: {
    check: CHECK,
    registersAfterMs: [1_000, 1_000],
    startsAfterMs: [1_000, 1_000],
    takesMs: [10_000, 10_000],
    buildsMs: [3_000, 3_000],
    imageAfterChecks: 0,
    imageNever: 0,
    flaky: 0,
    rebuildsDiffer: 0,
    cancelsOlder: 0,
  },
  stormMs: 40 * MINUTE,
  actions: 0,
};

interface At extends World {
  readonly shop: Repo;
  readonly story: Storyteller;
}

/** Plays the script on a world in which nothing goes wrong but what the script does, and says what is wrong with its end. */
async function wrongAfter(script: readonly (readonly [minutes: number, act: (at: At) => unknown])[], plan = PLAN) {
  const scripted = script.map(([minutes, act]): Scripted => {
    return {
      atMs: minutes * MINUTE,
      act(world, story) {
        const [shop] = world.repositories;
        if (shop === undefined) throw new Error("the plan has no repository");
        expect(act({ ...world, shop, story }), `what is done after ${minutes} minutes`).not.toBe(false);
      },
    };
  });
  const { violations } = await run(1, { plan, weather: CALM, script: scripted });
  return violations;
}

const good = (n: number) => ({ "web.txt": versionText("good", n) });

function opens({ github, shop }: At, branch = "change"): void {
  github.people.push(shop, branch, { [`${branch}.txt`]: versionText("good", 1) }, "writer");
  github.people.open(shop, { head: branch, by: "writer" });
}

test("a pull request gets its preview when `.proa.yml` no longer asks for a label", async () => {
  const labelled = { ...SHOP, config: { ...PLAIN, label: LABEL } };
  const script = [
    [1, (at: At) => opens(at)],
    [
      5,
      ({ github, shop }: At) =>
        void github.people.push(shop, "main", { ".proa.yml": configText(SHOP, PLAIN) }, "maintainer"),
    ],
  ] as const;
  expect(await wrongAfter(script, { ...PLAN, repositories: [labelled] })).toEqual([]);
});

test("a commit that was being rolled back when a newer one went out does not stay pending", async () => {
  const slow = { ...SHOP, config: { ...PLAIN, bake: "20s" } };
  const script = [
    [1, ({ github, shop }: At) => void github.people.push(shop, "main", good(1), "maintainer")],
    [5, ({ github, shop }: At) => void github.people.push(shop, "main", good(2), "maintainer")],
    // Healthy in staging at about the time when production is on its way back.
    [
      5.6,
      ({ github, shop, story }: At) => {
        const [, before] = github.truth.firstParents(shop, "main");
        story.press(shop, "proa/production report");
        return (
          before !== undefined &&
          github.people.pressButton(shop, before, "proa/production report", "rollback", "writer")
        );
      },
    ],
  ] as const;
  expect(await wrongAfter(script, { ...PLAN, repositories: [slow] })).toEqual([]);
});

test("what happened while the installation was suspended is made up for once it is back", async () => {
  const script = [
    [1, (at: At) => opens(at)],
    [1.1, ({ github, shop }: At) => github.people.suspend(shop.installation ?? 0, true, "acme")],
    [2, (at: At) => opens(at, "another")],
    [15, ({ github, shop }: At) => github.people.suspend(shop.installation ?? 0, false, "acme")],
  ] as const;
  expect(await wrongAfter(script)).toEqual([]);
});

test("a preview whose namespace somebody deletes comes back, live or on its way", async () => {
  for (const minutes of [1.45, 1.55, 4]) {
    const script = [
      [1, (at: At) => opens(at)],
      [minutes, ({ cluster }: At) => cluster.people.deleteNamespace("acme-shop-pr-1")],
    ] as const;
    expect(await wrongAfter(script), `deleted after ${minutes - 1} minutes`).toEqual([]);
  }
});
