import { expect, onTestFinished, test } from "vitest";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { newTarget } from "../../src/core/state.ts";
import { createLog } from "../../src/log.ts";
import { type SweepEffects, sweepGitHub, sweepOverdue } from "../../src/sweep.ts";
import { startGitHubServer } from "../adapters/github-server.ts";
import { preview, repo } from "../core/decision-fixture.ts";

/** Sweeps on a store, a queue and a GitHub of their own; no cluster. */
async function sweeper() {
  const github = await startGitHubServer();
  onTestFinished(github.close);
  github.on("GET /app/hook/deliveries", { body: [] });
  const { clock } = github;
  const lines: string[] = [];
  const store = createStore(createSqliteTable(":memory:"));
  const fx: SweepEffects = {
    clock,
    log: createLog({ write: (line) => void lines.push(line), clock }),
    store,
    queue: createSqliteQueue(":memory:", clock.now),
    github: github.app(),
    clusters: new Map(),
  };
  const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { github, clock, store, fx, logged };
}

test("the overdue sweep says how late the latest target is", async () => {
  const { clock, store, fx, logged } = await sweeper();
  const state = { ...newTarget(preview, 5, repo), wake: { n: 1, dueAt: clock.now() } };
  await store.save({ known: await store.load(preview), next: state, surfaces: [] });
  await sweepOverdue(fx);
  expect(logged()).toEqual([]);
  clock.at += 400_000;
  await sweepOverdue(fx);
  expect(logged()).toMatchObject([{ msg: "overdue targets", count: 1, lateMs: 400_000 }]);
});

test("an installation that cannot be read hides no other, and is counted", async () => {
  const { github, fx, logged } = await sweeper();
  github.on("GET /app/installations", {
    body: [
      { id: 4, suspended_at: null },
      { id: 5, suspended_at: null },
    ],
  });
  github.on("POST /app/installations/4/access_tokens", { status: 422, body: { message: "permissions not accepted" } });
  github.on("GET /installation/repositories", { body: { repositories: [] } });
  const report = await sweepGitHub(fx);
  expect(report?.failed).toEqual([expect.stringContaining("installation 4") as string]);
  expect(github.asked("GET /installation/repositories")).toHaveLength(1);
  expect(logged()).toMatchObject([{ msg: "github sweep", failures: 1, redelivered: 0 }]);
});

test("App credentials that GitHub refuses are told apart from every other failure", async () => {
  const { github, fx, logged } = await sweeper();
  github.on("GET /app/hook/deliveries", { status: 401, body: { message: "A JSON web token could not be decoded" } });
  await expect(sweepGitHub(fx)).rejects.toThrow("401");
  expect(logged()).toMatchObject([{ level: "error", msg: "github refused the app" }]);

  github.on("GET /app/hook/deliveries", { status: 503, body: { message: "unavailable" } });
  await expect(sweepGitHub(fx)).rejects.toThrow("503");
  expect(logged()).toHaveLength(1);
});
