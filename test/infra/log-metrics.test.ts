import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createOutbox } from "../../src/adapters/outbox.ts";
import { createSqliteQueue } from "../../src/adapters/queue-sqlite.ts";
import { createStore } from "../../src/adapters/store.ts";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { newTarget } from "../../src/core/state.ts";
import { createLog } from "../../src/log.ts";
import { report } from "../../src/report.ts";
import { sweepGitHub, sweepOverdue } from "../../src/sweep.ts";
import { startGitHubServer } from "../adapters/github-server.ts";
import { preview, repo, repoId, sha } from "../core/decision-fixture.ts";
import { delivery, knock } from "../receive-fixture.ts";
import { deployer, references, resource, root } from "./templates.ts";

/** What a metric filter of the template makes of log lines: the values it counts, by its rules for JSON. */
function counted(filter: string, lines: readonly string[]): number[] {
  const { FilterPattern, MetricTransformations } = resource(deployer, filter).properties;
  const [{ MetricValue = "" } = {}] = MetricTransformations as { MetricValue?: string }[];
  const conditions = String(FilterPattern)
    .replace(/^\{ | \}$/g, "")
    .split(" && ")
    .map((text) => /^\(?\$\.(\w+) (=|>) (?:"([^"]*)"|(\d+))\)?$/.exec(text) ?? ["", "", "", undefined, undefined]);
  expect(conditions.every(([whole]) => whole !== "")).toBe(true);
  return lines.flatMap((line) => {
    const fields = JSON.parse(line) as Record<string, unknown>;
    const holds = conditions.every(([, name = "", operator, text, number]) => {
      const value = fields[name];
      if (operator === ">") return typeof value === "number" && value > Number(number);
      if (number !== undefined) return value === Number(number);
      return typeof value === "string" && new RegExp(`^${(text ?? "").replaceAll("*", ".*")}$`).test(value);
    });
    if (!holds) return [];
    return [MetricValue.startsWith("$.") ? Number(fields[MetricValue.slice(2)]) : Number(MetricValue)];
  });
}

/** A store, a queue, an outbox and a GitHub, with what is logged about them. */
async function town() {
  const github = await startGitHubServer();
  onTestFinished(github.close);
  github.on("GET /app/hook/deliveries", { body: [] });
  github.on("GET /app/installations", { body: [{ id: 5, suspended_at: null }] });
  github.on("GET /installation/repositories", { body: { repositories: [] } });
  const { clock } = github;
  const lines: string[] = [];
  const table = createSqliteTable(":memory:");
  const fx = {
    clock,
    log: createLog({ write: (line) => void lines.push(line), clock }),
    store: createStore(table),
    outbox: createOutbox(table),
    queue: createSqliteQueue(":memory:", clock.now),
    github: github.app(),
    clusters: new Map<string, never>(),
  };
  return { github, clock, fx, lines };
}

describe("the numbers that alarms are made of are in the lines that the code writes:", () => {
  test("how late the latest target is", async () => {
    const { clock, fx, lines } = await town();
    const state = { ...newTarget(preview, 5, repo), wake: { n: 1, dueAt: clock.now() } };
    await fx.store.save({ known: await fx.store.load(preview), next: state, surfaces: [] });
    clock.at += 400_000;
    await sweepOverdue(fx);
    expect(counted("OverdueFilter", lines)).toEqual([400_000]);
  });

  test("that a sweep could not read everything", async () => {
    const { github, fx, lines } = await town();
    await sweepGitHub(fx);
    expect(counted("SweepFilter", lines)).toEqual([]);
    github.on("GET /installation/repositories", { status: 503 });
    await sweepGitHub(fx);
    expect(counted("SweepFilter", lines)).toEqual([1]);
  });

  test("that deliveries had to be asked for again", async () => {
    const { github, clock, fx, lines } = await town();
    const failed = {
      id: 1,
      guid: "g",
      delivered_at: new Date(clock.now()).toISOString(),
      status_code: 500,
      redelivery: false,
    };
    github.on("GET /app/hook/deliveries", {
      body: [{ ...failed, event: "push", action: null, status: "Internal Server Error" }],
    });
    github.on("POST /app/hook/deliveries/1/attempts", { status: 202 });
    await sweepGitHub(fx);
    expect(counted("RedeliveredFilter", lines)).toEqual([1]);
  });

  test("that GitHub refuses the App", async () => {
    const { github, fx, lines } = await town();
    github.on("GET /app/installations", { status: 401, body: { message: "Bad credentials" } });
    await expect(sweepGitHub(fx)).rejects.toThrow("401");
    expect(counted("CredentialsFilter", lines)).toEqual([1]);
  });

  test("that a report was given up", async () => {
    const { github, clock, fx, lines } = await town();
    github.on("GET /repos/acme/shop", { body: { id: repoId, full_name: repo, private: true, default_branch: "main" } });
    const body = { context: "proa/preview", state: "pending", description: "waiting", targetUrl: null } as const;
    const surface = { kind: "status", key: "status/12/a/proa/preview", sha: sha("a"), body } as const;
    const known = await fx.store.load(preview);
    await fx.store.save({ known, next: newTarget(preview, 5, repo), surfaces: [{ surface, notBefore: 0 }] });
    github.on(`POST /repos/acme/shop/statuses/${sha("a")}`, {
      status: 422,
      body: { message: "No commit found for SHA" },
    });
    for (let tries = 0; tries < 3; tries++) {
      expect(counted("GivenUpFilter", lines)).toEqual([]);
      await report(5, fx);
      clock.at += 600_000;
    }
    expect(counted("GivenUpFilter", lines)).toEqual([1]);
  });

  test("that a request was not signed, or not by GitHub; not that it was malformed", async () => {
    const unsigned = await knock(delivery(undefined, { headers: { "x-hub-signature-256": undefined } }));
    const forged = await knock(delivery(undefined, { headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}` } }));
    const wrong = await knock(delivery(undefined, { headers: { "x-github-delivery": "?" } }));
    expect([unsigned, forged, wrong].map(({ log }) => counted("RefusedFilter", log))).toEqual([[1], [1], []]);
  });

  test("that a sweep stopped, and that the code cache was refused", () => {
    const written = (within: string, msg: RegExp): string[] =>
      globSync(within, { cwd: root })
        .flatMap((file) => [...readFileSync(join(root, file), "utf8").matchAll(msg)])
        .map(([, text = ""]) => JSON.stringify({ level: "error", msg: text }));
    expect(counted("SweepStoppedFilter", written("src/sweep*.ts", /"(sweep stopped: [^"]*)"/g))).toEqual([1, 1]);
    const refused = written("scripts/build/*.ts", /msg: "(code cache [^"]*)"/g);
    for (const filter of ["DeployerCacheFilter", "SweeperCacheFilter", "ReporterCacheFilter"])
      expect(counted(filter, refused)).toEqual([1]);
  });
});

test("each is read from the log of the function that writes it", () => {
  const logs = Object.fromEntries(
    Object.keys(deployer.resources)
      .filter((id) => id.endsWith("Filter"))
      .map((id) => [id, references(resource(deployer, id).properties["LogGroupName"])[0]]),
  );
  expect(logs).toEqual({
    OverdueFilter: "SweeperLog",
    SweepFilter: "SweeperLog",
    RedeliveredFilter: "SweeperLog",
    SweepStoppedFilter: "SweeperLog",
    CredentialsFilter: "SweeperLog",
    GivenUpFilter: "ReporterLog",
    RefusedFilter: "WebhookLog",
    DeployerCacheFilter: "DeployerLog",
    SweeperCacheFilter: "SweeperLog",
    ReporterCacheFilter: "ReporterLog",
  });
});
