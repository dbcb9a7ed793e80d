import { expect, test } from "vitest";
import { OutsideError } from "../../src/core/problem.ts";
import type { Effects } from "../../src/effects.ts";
import { type Journey, type StartWorld } from "./harness.ts";
import { configure, kubectl, live, onCluster, onGitHub, shopConfig, STAGING_ALONE, statusIs } from "./races-support.ts";

/** Two at once, and calls that come to nothing. */
export function contention(startWorld: StartWorld): void {
  test("race 6: two previews that claim a slot at the same moment both come up", async (t) => {
    let both = Promise.withResolvers<void>();
    let waiting = -1;
    let conflicts = 0;
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
        async save(save) {
          const outcome = await fx.store.save(save);
          if (outcome.kind === "conflict") conflicts++;
          return outcome;
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

    expect(conflicts).toBeGreaterThan(0);
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

  test("race 5: deliveries that arrive twice have one effect each", async (t) => {
    const shop = await startWorld(t, {
      async deliver(_, send) {
        await send();
        return send();
      },
    });
    await configure(shop, STAGING_ALONE);
    const { number } = await shop.person.openPullRequest({ branch: "lamp" });
    const merged = await shop.person.merge(number);
    await live(shop, merged, "staging");
    await shop.person.comment(number, "/rollback staging");
    await statusIs(shop, merged, "proa/staging", "failure");
    await shop.pass(10 * 60_000);

    const comment = (await shop.comment(number)) ?? "";
    expect(comment.match(/`\/rollback` by/g)).toHaveLength(1);
    expect((await shop.deployments("staging")).filter(({ task }) => task === "rollback")).toHaveLength(1);
    expect((await shop.statuses(merged, "proa/staging")).filter(({ state }) => state === "success")).toHaveLength(1);
  });

  test("race 25: a Deployment that somebody scales at the very moment is read again and then written", async (t) => {
    let shop: Journey | null = null;
    let meddled = 0;
    const interfere = onCluster((cluster) => ({
      async apply(object, precondition) {
        if (shop !== null && precondition !== undefined && meddled++ === 0) {
          const { apps } = kubectl(shop);
          const at = { name: object.metadata.name, namespace: object.metadata.namespace ?? "" };
          const { metadata = {} } = await apps.readNamespacedDeploymentScale(at);
          await apps.replaceNamespacedDeploymentScale({ ...at, body: { metadata, spec: { replicas: 2 } } });
        }
        return cluster.apply(object, precondition);
      },
    }));
    shop = await startWorld(t, { interfere });
    await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
    const sha = await shop.person.push("main", {
      ".proa.yml": shopConfig(
        { services: { web: { env: { COLOUR: "red" } } }, environments: { production: null } },
        shop.apart,
      ),
    });
    await live(shop, sha, "staging");

    expect(meddled).toBeGreaterThan(1);
    expect((await shop.live(shop.namespaces.staging))["web"]?.ready).toBe(2);
    expect((await shop.statuses(sha, "proa/staging")).map(({ state }) => state)).not.toContain("failure");
  });

  test("race 26: a write that timed out is looked for before it is made again", async (t) => {
    const answers: string[] = [];
    const patched: number[] = [];
    const shop = await startWorld(t, {
      interfere: onCluster((cluster) => ({
        async patchImage(patch) {
          const lost = patch.namespace.endsWith("staging") ? answers.shift() : undefined;
          if (lost !== "lost on the way there") {
            const result = await cluster.patchImage(patch);
            if (result.kind === "applied" && patch.namespace.endsWith("staging")) patched.push(result.generation);
            if (lost === undefined) return result;
          }
          throw new OutsideError({
            code: "unknown-result",
            detail: `patch deployments web: ${lost}`,
            retryable: false,
          });
        },
      })),
    });
    await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
    for (const answer of ["lost on the way back", "lost on the way there"]) {
      // Whether the commit before was deployed by a patch or made anew is not this test's matter.
      patched.length = 0;
      answers.push(answer);
      const sha = await shop.person.push("main", "good");
      await live(shop, sha, "staging");
      expect(await shop.serving("staging.shop.localhost")).toBe(sha);
      expect((await shop.statuses(sha, "proa/staging")).map(({ state }) => state)).not.toContain("failure");
      expect(patched).toHaveLength(1);
    }
  });

  test("race 27: credentials that run out in the middle are no failure of the application", async (t) => {
    let expired = 0;
    const denied = (): void => {
      if (expired-- > 0)
        throw new OutsideError({ code: "forbidden", detail: "get deployments: 401 Unauthorized", retryable: true });
    };
    const shop = await startWorld(t, {
      interfere: onCluster((cluster) => ({
        async patchImage(patch) {
          denied();
          return cluster.patchImage(patch);
        },
        async workloads(...args) {
          denied();
          return cluster.workloads(...args);
        },
      })),
    });
    await configure(shop, { environments: { staging: { bake: "0s" }, production: { bake: "0s" } } });
    expired = 4;
    const sha = await shop.person.push("main", "good");
    await live(shop, sha, "production");

    expect(expired).toBeLessThanOrEqual(0);
    for (const environment of ["staging", "production"])
      expect((await shop.statuses(sha, `proa/${environment}`)).map(({ state }) => state)).not.toContain("failure");
  });
}
