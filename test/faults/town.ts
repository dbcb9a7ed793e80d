import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { createWorld, type World, type WorldOptions } from "../../local/world.ts";
import { LABEL } from "../../src/core/names.ts";
import { sweepGitHub, sweepOverdue } from "../../src/sweep.ts";
import { advance, isIdle } from "../journeys/time.ts";
import { type About, readEvent, runWatched, type Watcher } from "./invocation.ts";
import { createLane, type Lane, type LaneSeed } from "./lane.ts";

/** One world with repositories in which the same journey is made side by side, each with a fault of its own. */
export interface Town {
  readonly world: World;
  readonly lanes: readonly Lane[];
  /** Nothing runs, and nothing is due within that time. */
  rest(withinMs?: number): Promise<void>;
  pass(ms: number): Promise<void>;
  /** Waits until the condition holds; while nothing is busy, the world's clock runs ahead. */
  until(condition: () => Promise<boolean>, sentence: string): Promise<void>;
  /** A sweep as its function runs it: it meets the lane's faults as every other function does. */
  sweep(kind: "overdue" | "github", lane: Lane): Promise<void>;
  /** A failed lane is left as it is, and another takes its place. */
  replace(lane: Lane): Promise<void>;
}

export interface TownOptions {
  readonly lanes: number;
  readonly seed: (owner: string) => Pick<LaneSeed, "config" | "namespaces">;
  readonly cluster?: NonNullable<WorldOptions["cluster"]>;
}

/** Longer than anything takes on a very busy machine: whatever ends, ends, and a test has its own limit. */
const PATIENCE_MS = 600_000;

export async function startTown(t: TestContext, options: TownOptions): Promise<Town> {
  const dir = mkdtempSync(join(tmpdir(), "proa-faults-"));
  const log: string[] = [];
  const lanes: Lane[] = [];
  const everyone: Lane[] = [];
  const underWay = new Set<Promise<unknown>>();
  const tokens = Array.from({ length: 100 }, (_, n) => ({ login: `person-${n}`, token: `ghp_person_${n}` }));
  let made = 0;

  const laneOf = ({ repoId, installation, image }: About): Lane | undefined =>
    lanes.find(
      (lane) => lane.id === repoId || lane.installation === installation || image?.startsWith(`${lane.owner}/`),
    );
  const watcher: Watcher = { met: (about, site, call) => laneOf(about)?.meet(site, call) ?? null };

  const world: World = await createWorld({
    ...(options.cluster ? { cluster: options.cluster } : {}),
    dir: join(dir, "world"),
    port: 0,
    env: {},
    log: (line) => log.push(line),
    people: tokens.map((person) => ({ ...person, permission: "admin" as const })),
    interfere: (fx) => ({
      ...fx,
      queue: {
        ...fx.queue,
        async tick(target, n, delayMs) {
          if (lanes.find(({ id }) => id === target.repoId)?.trouble !== "ticks lost")
            await fx.queue.tick(target, n, delayMs);
        },
      },
    }),
    invoke(event, fx, run) {
      const { about, moment } = readEvent(event);
      return runWatched(about, { fx, moment, watcher, underWay }, run);
    },
    // GitHub hears nothing from a door that died, though the delivery may have been queued.
    async deliver(delivery, send) {
      const about = { fn: "door", repoId: delivery.repositoryId, installation: delivery.installationId, image: null };
      const action = delivery.action === null ? "" : `.${delivery.action}`;
      const { trouble } = laneOf(about) ?? {};
      if (trouble === "deliveries lost") return { status: 202 };
      if (trouble === "deliveries failed") return { status: 502 };
      if (trouble === "deliveries twice") await send();
      const fault = watcher.met(about, `door ${delivery.event}${action} queue.send`, DOOR);
      if (fault === "die after") await send();
      return fault === null ? send() : { status: 502 };
    },
    ci: () => ({ pushed() {}, rerun() {}, resume() {}, idle: async () => {}, close: async () => {} }),
  });
  t.onTestFinished(async () => {
    if (options.cluster) for (const lane of everyone) await leaveCluster(lane);
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function addLane(): Promise<Lane> {
    const person = tokens[made++];
    if (person === undefined) throw new Error("too many lanes failed: there is nobody left to work in another one");
    const owner = `lane${made}${options.cluster?.apart ?? ""}`;
    const lane = await createLane(world, { owner, person, ...options.seed(owner) });
    lanes.push(lane);
    everyone.push(lane);
    return lane;
  }

  const rests = async (): Promise<boolean> => underWay.size === 0 && (await isIdle(world));

  async function rest(withinMs = 5_000): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    const due = async (): Promise<number> => ((await world.lambda.nextDueAt()) ?? Infinity) - world.clock.nowMs();
    while (!((await due()) > withinMs && (await rests()))) {
      if (performance.now() > deadline) throw new Error(`no rest within ${PATIENCE_MS / 1000} s:\n${tail(log)}`);
      await advance(world);
    }
  }

  const town: Town = {
    world,
    lanes,
    rest,
    async pass(ms) {
      const end = world.clock.nowMs() + ms;
      while (world.clock.nowMs() < end) await advance(world, end - world.clock.nowMs());
      await rest();
    },
    async until(condition, sentence) {
      const deadline = performance.now() + PATIENCE_MS;
      while (!(await condition())) {
        if (performance.now() > deadline)
          throw new Error(`${sentence}: not so within ${PATIENCE_MS / 1000} s:\n${tail(log)}`);
        await advance(world);
      }
    },
    async sweep(kind, lane) {
      const about = { fn: "sweeper", repoId: lane.id, installation: null, image: null };
      const sweep = kind === "overdue" ? sweepOverdue : sweepGitHub;
      const run = runWatched(
        about,
        { fx: world.fx, moment: kind, watcher, underWay },
        async (fx) => void (await sweep(fx)),
      );
      // Whatever becomes of it, the schedule starts the next one.
      await run.catch(() => undefined);
    },
    async replace(lane) {
      lanes.splice(lanes.indexOf(lane), 1);
      await addLane();
    },
  };
  while (lanes.length < options.lanes) await addLane();
  await rest();
  return town;
}

const DOOR = { effect: "queue", method: "send" } as const;

/** A cluster that outlives this world keeps nothing of it. Nobody waits for that: it takes the cluster some seconds. */
async function leaveCluster({ admin, id, namespaces }: Lane): Promise<void> {
  const previews = (await admin.ourNamespaces()).filter(({ labels }) => labels[LABEL.repositoryId] === `${id}`);
  const environments = await Promise.all(namespaces.map((name) => admin.namespace(name)));
  for (const place of [...previews, ...environments])
    if (place !== null) await admin.deleteNamespace(place.name, place.uid);
}

const tail = (log: readonly string[]): string =>
  log
    .slice(-25)
    .map((line) => line.slice(0, 300))
    .join("\n");
