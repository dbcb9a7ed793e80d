import { describe, expect, test } from "vitest";
import type { GitHub, GitHubApp } from "../../src/adapters/github.ts";
import { createOutbox } from "../../src/adapters/outbox.ts";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import type { RepoName, Sha } from "../../src/core/names.ts";
import { newTarget } from "../../src/core/state.ts";
import { createLog } from "../../src/log.ts";
import { record } from "../../src/record.ts";
import { createRecent } from "../../src/recent.ts";
import { report } from "../../src/report.ts";
import { createGitHubModel, type GitHubModel } from "./github.ts";
import { createKernel } from "./kernel.ts";

/** The reporter over the simulation's GitHub, with a pull request whose preview waits. */
async function waitingPreview() {
  const kernel = createKernel({ seed: 1, note: () => undefined });
  const model = createGitHubModel(kernel.sim("github"), {
    appId: 1,
    deliver: () => undefined,
    pushImage: () => undefined,
    ci: null,
  });
  const installation = model.install("acme");
  const repo = model.createRepository({ name: "acme/shop", installation, files: { "README.md": "" }, services: [] });
  const sha = model.people.push(repo, "topic", { "a.txt": "1" }, "acme") as Sha;
  const number = model.people.open(repo, { head: "topic", by: "acme" }) ?? 0;
  const table = createSqliteTable(":memory:");
  const clock = { now: () => kernel.now() };
  let calls = 0;
  const fx = {
    clock,
    log: createLog({ write: () => undefined, clock }),
    store: createStore(table),
    outbox: createOutbox(table),
    queue: createSqliteQueue(":memory:", clock.now),
    recent: createRecent(),
    github: asynchronous(model.app, () => calls++),
  };
  const target = { kind: "preview", repoId: repo.id, number } as const;
  const state = newTarget(target, installation, repo.name);
  const wanted = { sha, since: clock.now() };
  await record(
    await fx.store.load(target),
    { ...state, phase: "waiting", because: "waiting", wanted, rev: 1 as never },
    null,
    fx,
  );
  // The comment waits a little for what else there is to say.
  await kernel.runUntil(kernel.now() + 5_000);
  return {
    ...fx,
    model,
    repo,
    installation,
    /** Answers how many calls it made to GitHub. */
    async report() {
      const before = calls;
      await report(installation, fx);
      return calls - before;
    },
    pass: (ms: number) => kernel.runUntil(kernel.now() + ms),
    statuses: () => model.truth.statuses(repo, sha, "proa/preview").map(({ state: each }) => each),
    comments: () => model.truth.ourComments(repo, number).length,
  };
}

function asynchronous(model: GitHubModel["app"], called: () => void): GitHubApp {
  const { installation: _, ...app } = model;
  const slow = <T>(methods: object): T =>
    Object.fromEntries(
      Object.entries(methods).map(([name, call]) => [
        name,
        async (...args: unknown[]) => {
          called();
          return (call as (...args: unknown[]) => unknown)(...args);
        },
      ]),
    ) as T;
  return { ...slow<Omit<GitHubApp, "installation">>(app), installation: (id) => slow<GitHub>(model.installation(id)) };
}

describe("the reporter", () => {
  test("shows what there is to say, once", async () => {
    const shop = await waitingPreview();
    await shop.report();
    await shop.report();
    expect([shop.statuses(), shop.comments()]).toEqual([["pending"], 1]);
  });

  test("gives nothing up while the installation is suspended, however long, and asks GitHub but once each time", async () => {
    const shop = await waitingPreview();
    shop.model.people.suspend(shop.installation, true, "acme");
    for (let minute = 0; minute < 30; minute++) {
      expect(await shop.report()).toBe(1);
      await shop.pass(60_000);
    }
    shop.model.people.suspend(shop.installation, false, "acme");
    await shop.report();
    expect([shop.statuses(), shop.comments()]).toEqual([["pending"], 1]);
  });

  test("waits while the installation does not cover the repository", async () => {
    const shop = await waitingPreview();
    shop.model.people.setInstallation(shop.repo, null, "acme");
    for (let minute = 0; minute < 30; minute++) {
      await shop.report();
      await shop.pass(60_000);
    }
    shop.model.people.setInstallation(shop.repo, shop.installation, "acme");
    await shop.pass(5 * 60_000);
    await shop.report();
    expect([shop.statuses(), shop.comments()]).toEqual([["pending"], 1]);
  });

  test("writes nothing to another repository that has taken the name, and finds the right one by its new name", async () => {
    const shop = await waitingPreview();
    const { model, repo, installation } = shop;
    model.people.rename(repo, "acme/store" as RepoName, "acme");
    const other = model.createRepository({ name: "acme/shop", installation, files: { "README.md": "" }, services: [] });
    model.people.push(other, "topic", { "a.txt": "1" }, "acme");
    model.people.open(other, { head: "topic", by: "acme" });
    for (let minute = 0; minute < 10; minute++) {
      await shop.report();
      await shop.pass(60_000);
    }
    expect(model.truth.writes()).toEqual([]);
    await shop.store.putRepo({ id: repo.id, name: repo.name, installation, active: true });
    await shop.pass(5 * 60_000);
    await shop.report();
    expect([shop.statuses(), shop.comments()]).toEqual([["pending"], 1]);
  });

  test("asks an archived repository seldom, and shows everything once it is one no more", async () => {
    const shop = await waitingPreview();
    shop.model.people.archive(shop.repo, true);
    for (let second = 0; second < 600; second++) {
      await shop.report();
      await shop.pass(1_000);
    }
    expect(shop.model.truth.writes().length).toBeLessThan(10);
    shop.model.people.archive(shop.repo, false);
    await shop.pass(5 * 60_000);
    await shop.report();
    expect([shop.statuses(), shop.comments()]).toEqual([["pending"], 1]);
  });

  test("counts a write whose process ends with it", async () => {
    const shop = await waitingPreview();
    const killed = (github: GitHub): GitHub => ({
      ...github,
      createStatus: async (...args) => {
        await github.createStatus(...args);
        throw new Error("the process was killed");
      },
    });
    const github: GitHubApp = { ...shop.github, installation: (id) => killed(shop.github.installation(id)) };
    await expect(report(shop.installation, { ...shop, github })).rejects.toThrow("killed");
    expect(shop.model.truth.writes()).toHaveLength(1);
    const { minute = [] } = (await shop.outbox.budget(shop.installation)) ?? {};
    expect(minute.map(({ writes }) => writes)).toEqual([1]);
  });

  test("counts what GitHub refused against GitHub's limits too", async () => {
    const shop = await waitingPreview();
    shop.model.people.archive(shop.repo, true);
    await shop.report();
    const asked = shop.model.truth.writes().length;
    expect(asked).toBeGreaterThan(0);
    const { minute = [] } = (await shop.outbox.budget(shop.installation)) ?? {};
    expect(minute.reduce((sum, { writes }) => sum + writes, 0)).toBe(asked);
  });
});
