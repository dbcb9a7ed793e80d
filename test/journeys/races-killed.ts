import { expect, test } from "vitest";
import type { Effects } from "../../src/effects.ts";
import type { StartWorld } from "./harness.ts";
import { commentSays, configure, Killed, live, short, statusIs } from "./races-support.ts";

/** A process that dies at a call, and the one after it. */
export function deaths(startWorld: StartWorld): void {
  type Moment = "before" | "after";

  /** Kills the process that makes a call, once for each call that is named, right before or right after it took effect. */
  function reaper() {
    const due = new Map<string, Moment>();

    function watched<T extends object>(name: string, effect: T): T {
      return new Proxy(effect, {
        get(of, key) {
          const member: unknown = Reflect.get(of, key);
          if (typeof member !== "function") return member;
          const call = `${name}.${String(key)}`;
          return (...args: unknown[]): unknown => {
            const result = (): unknown => Reflect.apply(member, of, args);
            if (call === "app.installation") return watched("github", result() as object);
            const when = due.get(call);
            return when === undefined ? result() : dies(call, when, result);
          };
        },
      });
    }

    async function dies(call: string, when: Moment, result: () => unknown): Promise<never> {
      due.delete(call);
      if (when === "after") await result();
      throw new Killed(call);
    }

    return {
      /** What has not come about yet. */
      due,
      kill: (when: Moment, ...calls: readonly string[]): void => {
        for (const call of calls) due.set(call, when);
      },
      interfere: (fx: Effects): Effects => ({
        ...fx,
        store: watched("store", fx.store),
        queue: watched("queue", fx.queue),
        github: watched("app", fx.github),
        clusters: new Map([...fx.clusters].map(([name, cluster]) => [name, watched("cluster", cluster)])),
      }),
    };
  }

  test.for<Moment>(["before", "after"])(
    "race 7: killed right %s a call, a deployment goes on where it was",
    async (when, t) => {
      const { due, kill, interfere } = reaper();
      const shop = await startWorld(t, { interfere, tolerate: ["error lines"] });
      await configure(shop, { environments: { staging: { bake: "0s" }, production: { bake: "0s" } } });
      const rounds = [
        ["store.save", "cluster.patchImage", "queue.send"],
        ["queue.tick", "cluster.workloads", "queue.report"],
        ["github.createDeployment", "github.createDeploymentStatus"],
        ["github.createStatus", "github.createCheckRun"],
      ];
      for (const calls of rounds) {
        kill(when, ...calls);
        const sha = await shop.person.push("main", "good");
        await live(shop, sha, "production");
        await shop.quiet();
        expect([...due.keys()]).toEqual([]);
        for (const environment of ["staging", "production"]) {
          const deployments = await shop.deployments(environment);
          expect(deployments.filter((deployment) => deployment.sha === sha)).toMatchObject([{ state: "success" }]);
          expect(deployments.filter(({ state }) => state === "success")).toHaveLength(1);
          expect(
            (await shop.statuses(sha, `proa/${environment}`)).filter(({ state }) => state === "success"),
          ).toHaveLength(1);
        }
      }
    },
  );

  test.for<Moment>(["before", "after"])(
    "race 7: killed right %s a call, a preview comes and goes as ever",
    async (when, t) => {
      const { due, kill, interfere } = reaper();
      const shop = await startWorld(t, { interfere, tolerate: ["error lines"] });
      await configure(shop, { environments: null });
      kill(when, "cluster.create", "cluster.namespace", "store.save", "github.createComment");
      const { sha } = await shop.person.openPullRequest({ branch: "lamp" });
      await live(shop, sha, "preview");
      await commentSays(shop, 1, "Preview is ready");
      kill(when, "store.save", "cluster.deleteNamespace", "github.updateComment");
      await shop.person.close(1);
      await commentSays(shop, 1, "Preview removed");
      await shop.quiet();

      expect([...due.keys()]).toEqual([]);
      expect(await shop.namespace(shop.previewNamespace(1))).toBeNull();
      expect((await shop.deployments("preview")).map(({ state }) => state)).toEqual(["inactive"]);
    },
  );

  test("race 7: killed between a failed rollout and its rollback, it is rolled back all the same", async (t) => {
    let alive = true;
    const interfere = (fx: Effects): Effects => ({
      ...fx,
      store: {
        ...fx.store,
        async save(save) {
          if (alive && save.next.rollout?.kind === "rollback") {
            alive = false;
            throw new Killed("before the rollback's revision was claimed");
          }
          return fx.store.save(save);
        },
      },
    });
    const shop = await startWorld(t, { interfere, tolerate: ["error lines"] });
    await configure(shop, { environments: { staging: { bake: "0s" }, production: null } });
    const good = await shop.person.push("main", "good");
    await live(shop, good, "staging");
    const bad = await shop.person.push("main", "crashing");
    expect(await statusIs(shop, bad, "proa/staging", "failure")).toContain(`Rolled back to ${short(good)}`);
    await shop.quiet();

    expect(alive).toBe(false);
    expect(await shop.serving("staging.shop.localhost")).toBe(good);
  });
}
