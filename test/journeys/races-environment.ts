import { expect, test } from "vitest";
import type { StartWorld } from "./harness.ts";
import {
  commentSays,
  configure,
  environment,
  isEvent,
  Killed,
  live,
  onCluster,
  recordOf,
  short,
  STAGING_ALONE,
  statusIs,
} from "./races-support.ts";

/** Commits on their way through the environments. */
export function environmentRaces(startWorld: StartWorld): void {
  const MATE = { login: "mate", token: "ghp_mate", permission: "write" } as const;

  test("race 18: of two pull requests merged seconds apart the tip is deployed, and both are told so", async (t) => {
    const shop = await startWorld(t);
    const { person } = shop;
    await configure(shop, STAGING_ALONE);
    const pulls = [
      await person.openPullRequest({ branch: "lamp" }),
      await person.openPullRequest({ branch: "oar", version: { "oar.txt": "an oar\n" } }),
    ];
    const first = await person.merge(1);
    const tip = await person.merge(2);
    await live(shop, tip, "staging");
    await shop.quiet();

    expect((await shop.status(first, "proa/staging"))?.state).not.toBe("pending");
    for (const { number } of pulls) expect(await shop.comment(number)).toContain(`**staging**: ${short(tip)} is live`);
    expect(await shop.serving("staging.shop.localhost")).toBe(tip);
    expect((await shop.deployments("staging")).filter(({ state }) => state === "success")).toMatchObject([
      { sha: tip },
    ]);
  });

  test("race 20: a force push that drops the deployed commit is followed only when somebody says so", async (t) => {
    const shop = await startWorld(t, { people: [MATE] });
    await configure(shop, STAGING_ALONE);
    const base = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
    await shop.person.push("safe", "good", "main");
    const dropped = await shop.person.push("main", "good");
    await live(shop, dropped, "staging");
    const forced = await shop.person.forcePush("main", "good", "safe");
    expect(await statusIs(shop, forced, "proa/staging", "pending")).toBeTruthy();
    await shop.until(
      async () => (await shop.status(forced, "proa/staging"))?.description.includes("/deploy staging"),
      "the way on is told",
    );
    await shop.quiet();
    expect(await shop.serving("staging.shop.localhost")).toBe(dropped);
    expect((await shop.status(forced, "proa/staging"))?.description).toContain(
      `${short(forced)} does not contain ${short(dropped)}`,
    );

    const pull = await shop.person.openPullRequest({ branch: "talk", version: { "talk.txt": base } });
    await shop.as("mate").comment(pull.number, "/deploy staging");
    await live(shop, forced, "staging");
    expect(await shop.serving("staging.shop.localhost")).toBe(forced);
  });

  test("race 42: an approval is for the release it was given for, and a newer one needs its own", async (t) => {
    const late: (() => Promise<unknown>)[] = [];
    let holding = false;
    const shop = await startWorld(t, {
      people: [MATE],
      async deliver(delivery, send) {
        if (!holding || !isEvent(delivery, "check_run.requested_action")) return send();
        late.push(send);
        return { status: 202 };
      },
    });
    await configure(shop, {
      environments: { staging: { bake: "0s" }, production: { bake: "0s", approve: { permission: "write" } } },
    });
    const asks = (sha: string) =>
      shop.until(
        async () => (await shop.checkRun(sha, "proa/production report"))?.conclusion === "action_required",
        `production asks for an approval of ${short(sha)}`,
      );
    const lastAnswer = async () => (await recordOf(shop, environment(shop, "production"))).answers.at(-1);
    const first = await shop.person.push("main", "good");
    await asks(first);
    await shop.quiet();
    holding = true;
    await shop.as("mate").pressButton(first, "proa/production report", "approve");
    const second = await shop.person.push("main", "good");
    await asks(second);
    await shop.quiet();
    for (const send of late) await send();
    await shop.quiet();
    expect(await lastAnswer()).toMatchObject({
      accepted: false,
      answer: expect.stringContaining(`${short(second)} needs its own`),
    });
    expect(await shop.status(second, "proa/production")).toMatchObject({ state: "pending" });
    expect(await shop.checkRun(first, "proa/production report")).toMatchObject({ conclusion: "neutral" });

    holding = false;
    await shop.as("mate").pressButton(second, "proa/production report", "approve");
    await live(shop, second, "production");
    expect(await lastAnswer()).toMatchObject({ accepted: true, by: "mate" });
    const digest = async (namespace: string) => (await shop.live(namespace))["web"]?.annotations["proa.dev/digest"];
    expect(await digest(shop.namespaces.production)).toBe(await digest(shop.namespaces.staging));
  });

  test("race 28: killed with two of three services written, the third follows; failing, all three go back", async (t) => {
    let dying = false;
    const shop = await startWorld(t, {
      tolerate: ["error lines"],
      interfere: onCluster((cluster) => ({
        async patchImage(patch) {
          if (dying && patch.deployment === "worker") {
            dying = false;
            throw new Killed("before the worker was written");
          }
          return cluster.patchImage(patch);
        },
      })),
    });
    const idle = { expose: false, command: ["node", "-e", "setInterval(() => {}, 1000)"] };
    await configure(shop, {
      services: { worker: idle, clock: idle },
      environments: { staging: { bake: "0s" }, production: null },
    });
    const commits = async (): Promise<(string | undefined)[]> =>
      Object.values(await shop.live(shop.namespaces.staging)).map(({ annotations }) => annotations["proa.dev/commit"]);
    dying = true;
    const good = await shop.person.push("main", "good");
    await live(shop, good, "staging");
    expect(await commits()).toEqual([good, good, good]);
    expect(dying).toBe(false);

    const bad = await shop.person.push("main", "crashing");
    expect(await statusIs(shop, bad, "proa/staging", "failure")).toContain(`Rolled back to ${short(good)}`);
    expect(await commits()).toEqual([good, good, good]);
  });

  test("`/deploy`, `/rollback`, `/release-hold` and the buttons do what they say, and say what they did", async (t) => {
    const shop = await startWorld(t);
    await configure(shop, STAGING_ALONE);
    const before = (await recordOf(shop, environment(shop, "staging"))).live?.sha ?? "";
    const { number } = await shop.person.openPullRequest({ branch: "lamp" });
    const merged = await shop.person.merge(number);
    await live(shop, merged, "staging");
    await shop.quiet();

    await shop.person.pressButton(merged, "proa/staging report", "rollback");
    await statusIs(shop, merged, "proa/staging", "failure");
    expect(await shop.serving("staging.shop.localhost")).toBe(before);

    await shop.person.comment(number, "/release-hold staging");
    await live(shop, merged, "staging");
    expect(await commentSays(shop, number, "`/release-hold` by @maintainer")).toContain(`released ${short(merged)}`);
    expect(await shop.serving("staging.shop.localhost")).toBe(merged);

    await shop.person.comment(number, "/rollback staging");
    await statusIs(shop, merged, "proa/staging", "failure");
    await shop.person.comment(number, "/deploy staging");
    await live(shop, merged, "staging");
    await shop.person.comment(number, "/rollback moon");
    await commentSays(shop, number, "there is no environment `moon`; the environments are staging");
  });
}
