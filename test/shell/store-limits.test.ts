import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSqliteTable } from "../../src/adapters/table-sqlite.ts";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import type { DeployPlan } from "../../src/core/decision.ts";
import type { LookMessage } from "../../src/core/message.ts";
import { targetId } from "../../src/core/names.ts";
import { deploy } from "../../src/deploy.ts";
import { reconcile } from "../../src/reconcile.ts";
import { digest, NOW, preview, record, repo, sha } from "../core/decision-fixture.ts";
import { deployerOn } from "./deployer.ts";

const CLUSTER = `{apiVersion: v1, kind: Config, current-context: x, users: [{name: x, user: {}}],
  contexts: [{name: x, context: {cluster: x, user: x}}], clusters: [{name: x, cluster: {server: "http://127.0.0.1:9"}}]}`;

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "proa-limits-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("a record of a newer Proa is left as it is, the message is done, and the log says what to do", async () => {
  const log: string[] = [];
  const fx = deployerOn({ dir, kubeconfig: CLUSTER, log: (line) => log.push(line) });
  const table = createSqliteTable(join(dir, "store.sqlite"));
  const key = { pk: `target/${targetId(preview)}`, sk: "state" };
  const value = { v: 7, record: { everything: "is elsewhere now" } };
  await table.write([{ kind: "put", key, value, when: { kind: "always" }, due: { index: "targets", at: NOW } }]);
  const before = await table.get(key);
  const message: LookMessage = {
    v: 1,
    kind: "look",
    target: preview,
    sha: sha("a"),
    delivery: "1",
    receivedAt: NOW,
    installation: 3,
    repo,
    because: "pull_request.synchronize",
  };
  await reconcile(message, fx);
  expect(await table.get(key)).toEqual(before);
  const told = log.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(told).toContainEqual(
    expect.objectContaining({
      level: "error",
      msg: "record of a newer version",
      target: targetId(preview),
      detail: `${key.pk} state is of format 7, and this Proa reads up to 1: it is left alone until Proa is upgraded again`,
    }),
  );
});

test("a release that is too large to be kept is not begun, and its author reads why", async () => {
  const fx = deployerOn({ dir, kubeconfig: CLUSTER, clock: { now: () => NOW } });
  const { services, ...config } = defaultConfig("main");
  const many = services.map((service) => ({ ...service, env: { TEXT: "x".repeat(400 * 1024) } }));
  const plan: DeployPlan = {
    kind: "deploy",
    sha: sha("a"),
    services: services.map(({ name }) => ({ name, image: "registry.example/acme/shop", digest: digest("a") })),
    patch: [],
    actor: "mo",
    pulls: [],
    because: "deploying",
    of: null,
  };
  const known = { ...(await fx.store.load(preview)), state: record(preview) };
  await deploy(plan, known, fx, { config: { ...config, services: many }, env: null, workloads: null, extra: {} });
  const { state } = await fx.store.load(preview);
  expect(state).toMatchObject({ phase: "blocked", rollout: null, rev: 0 });
  expect(state?.because).toMatch(/^its Kubernetes objects are \d+ KB, and Proa keeps releases of up to 360 KB: /);
});
