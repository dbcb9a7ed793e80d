import { expect, test } from "vitest";
import type { Effects } from "../../src/effects.ts";
import { startWorld } from "./harness.ts";
import { inRounds, type Rounds } from "./waits.ts";

test(
  "the update of a preview waits three times for the outside: reads, claim, patch",
  { timeout: 60_000 },
  async (t) => {
    const runs: Rounds[] = [];
    const shop = await startWorld(t, {
      invoke(_event, fx, run) {
        if (!("registries" in fx)) return run(fx);
        const counted = inRounds(fx as Effects & typeof fx);
        runs.push(counted.rounds);
        return run(counted.fx as Effects & typeof fx);
      },
    });
    const { person } = shop;
    const pull = await person.openPullRequest({ branch: "sextant", title: "Sell sextants" });
    await shop.until(
      async () => (await shop.status(pull.sha, "proa/preview"))?.state === "success",
      "the preview is up",
    );
    await shop.quiet();
    runs.length = 0;
    const sha = await person.push("sextant", "good");
    await shop.until(
      async () => (await shop.status(sha, "proa/preview"))?.state === "success",
      "the preview is updated",
    );
    const patching = runs.filter(({ calls }) => calls.some(({ call }) => call === "cluster.patchImage"));
    expect(patching).toHaveLength(1);
    const of = (wanted: string) => patching[0]?.calls.find(({ call }) => call === wanted)?.round;
    expect({
      record: of("store.load"),
      pull: of("github.pullRequest"),
      checks: of("github.checks"),
      digest: of("registry.resolve"),
      claim: of("store.save"),
      patch: of("cluster.patchImage"),
    }).toEqual({ record: 1, pull: 1, checks: 1, digest: 1, claim: 2, patch: 3 });
  },
);
