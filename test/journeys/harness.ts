import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { type TestContext } from "vitest";
import type { LocalGitHubOptions } from "../../local/github/hub.ts";
import type { Layer } from "../../local/ci/image.ts";
import type { Exchange } from "../../local/github/server.ts";
import { createWorld, type OutsideCluster, type World, type WorldOptions } from "../../local/world.ts";
import { previewNamespaceName } from "../../src/core/places.ts";
import { parseRepoId, targetId } from "../../src/core/names.ts";
import { createTestCi, type TestCi } from "./instant-ci.ts";
import { createPerson, type Person } from "./person.ts";
import type { Planted } from "./leaks.ts";
import { isError, problemsOf } from "./proof.ts";
import { createSight, type Sight } from "./sight.ts";
import { advance, isIdle, jump } from "./time.ts";

export interface JourneyOptions {
  /** `real`: the commits' own tests run. `instant` (default): see `createTestCi`. `manual`: the test builds and reports. */
  readonly ci?: "real" | "instant" | "manual";
  readonly deliver?: NonNullable<WorldOptions["deliver"]>;
  readonly interfere?: NonNullable<WorldOptions["interfere"]>;
  readonly invoke?: NonNullable<WorldOptions["invoke"]>;
  /** More people than the maintainer; see `Repository.as`. */
  readonly people?: LocalGitHubOptions["users"];
  /** Secrets of the test's own, which may stand nowhere at the end, as the world's own may not. */
  readonly planted?: readonly Planted[];
  /** What may be left at the end that otherwise fails the test. */
  readonly tolerate?: readonly Tolerated[];
}

/** `error lines`: of Proa's log. `dead letters`: messages that failed too often. */
export type Tolerated = "error lines" | "dead letters" | "nonconforming exchanges";

/** One repository: who works in it, and what a person sees of it. */
export interface Repository extends Sight {
  readonly owner: string;
  readonly name: string;
  readonly id: number;
  previewNamespace(number: number): string;
  /** The maintainer. */
  readonly person: Person;
  /** Somebody else of `people`; in a fork, with its owner's name. */
  as(login: string, owner?: string): Person;
}

/** A world that a test is in, seen from `acme/shop`. */
export interface Journey extends Repository {
  /** The present one: `restart` makes another. */
  readonly world: World;
  readonly ci: TestCi;
  /** What stands in every name of this world; "" where it has its cluster to itself. */
  readonly apart: string;
  /** Where the shop's environments live. */
  readonly namespaces: World["namespaces"];
  /** `pretend`: a fake kubelet says that pods run; there is no page to ask, and no log of an application. */
  readonly pods: "run" | "pretend";
  /** Proa's log so far, one line each. */
  readonly log: readonly string[];
  /** A repository besides the shop. */
  repository(name: string, files: Readonly<Record<string, string>>, protect?: readonly string[]): Promise<Repository>;
  /** Waits until the condition answers something true; while nothing is busy, the world's clock runs ahead. */
  until<T>(condition: () => Promise<T> | T, sentence: string, pace?: Pace): Promise<NonNullable<T>>;
  /** Everything is done, and nothing is due within that time. */
  quiet(withinMs?: number): Promise<void>;
  /** Lets time go by. */
  pass(ms: number): Promise<void>;
  /** Everything stops and starts again from what is on disk. */
  restart(): Promise<void>;
}

export interface Pace {
  /** How far one step of the clock goes; 0: real time only, as where requests are under way. */
  readonly stepMs?: number;
  readonly withinMs?: number;
}

/** Longer than any wait of a sound world takes on a busy machine. */
const PATIENCE_MS = { local: 45_000, outside: 120_000, elsewhere: 240_000 } as const; // a real cluster takes its time to delete a namespace

/** What a suite of journeys begins with: they are the same in every tier, the worlds are not. */
export type StartWorld = (t: TestContext, options?: JourneyOptions) => Promise<Journey>;

/** GitHub, CI, registry, cluster and Proa in a folder of their own; at the end of the test all of it is checked and gone. */
export const startWorld: StartWorld = (t, options = {}) => start(t, options, null);

export interface SharedCluster extends Omit<OutsideCluster, "apart"> {
  /** Of a cluster that ends with this run: then ending each world's namespaces is most of what it would do, and for nothing. */
  readonly dir?: string | null;
}

/** The same around a real cluster with a fake kubelet, which others may use at the same time: every name in it is the world's own. */
export const worldsOn =
  (cluster: SharedCluster): StartWorld =>
  (t, options = {}) =>
    // No commit's own tests: where its code does not run, it does not matter what they say.
    start(t, { ...options, ci: options.ci === "manual" ? "manual" : "instant" }, { cluster, pods: "pretend" });

/** The same on real nodes, whose containers see nothing of this machine: Node is in the layers below the application's own. */
export const worldsOnNodes =
  (cluster: SharedCluster, base: readonly Layer[]): StartWorld =>
  (t, options = {}) =>
    start(t, { ...options, ci: options.ci === "manual" ? "manual" : "instant" }, { cluster, pods: "run", base });

/** The same around a Proa that runs elsewhere, in real time, like everything that it looks at; on the local cluster, or a real one. */
export const worldsAround =
  (world: Pick<WorldOptions, "proa" | "registryHost">, cluster?: () => SharedCluster): StartWorld =>
  (t, options = {}) =>
    start(t, options, cluster === undefined ? { pods: "run", world } : { pods: "pretend", world, cluster: cluster() });

/** What is not the local world's own. */
interface Given {
  readonly cluster?: SharedCluster;
  readonly pods: Journey["pods"];
  readonly base?: readonly Layer[];
  readonly world?: Pick<WorldOptions, "proa" | "registryHost">;
}

async function start(t: TestContext, options: JourneyOptions, given: Given | null): Promise<Journey> {
  const pods = given?.pods ?? "run";
  const shared = given?.cluster;
  const apart = shared === undefined ? "" : randomBytes(3).toString("hex");
  const cluster = shared === undefined ? {} : { cluster: { ...shared, apart } };
  const images = given?.base === undefined ? {} : { base: given.base };
  const dir = mkdtempSync(join(tmpdir(), "proa-journey-"));
  const log: string[] = [];
  const exchanges: Exchange[] = [];
  const { ci: mode = "instant", tolerate = [], planted = [], deliver, interfere, invoke, people = [] } = options;
  const patience = given === null ? "local" : given.world === undefined ? "outside" : "elsewhere";
  let testCi: TestCi | null = null;
  let version = 0;

  const create = (port: number): Promise<World> =>
    createWorld({
      ...cluster,
      ...given?.world,
      dir: join(dir, "world"),
      port,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      log: (line) => log.push(line),
      record: (exchange) => exchanges.push(exchange),
      people,
      ...(deliver ? { deliver } : {}),
      ...(interfere ? { interfere } : {}),
      ...(invoke ? { invoke } : {}),
      ...(mode === "real" ? {} : { ci: (ciOptions) => (testCi = createTestCi(ciOptions, { mode, ...images })) }),
    });
  let world = await create(0);
  const port = Number(new URL(world.url).port);

  function repositoryAt(owner: string, name: string, id: number): Repository {
    const as = (login: string, of: string = owner): Person => {
      const token = login === "maintainer" ? world.secrets.token : people.find((one) => one.login === login)?.token;
      if (token === undefined) throw new Error(`nobody is called ${login}`);
      const nextVersion = () => ++version;
      return createPerson({
        login,
        token,
        owner: of,
        repo: name,
        url: world.url,
        dir: join(dir, "people"),
        nextVersion,
      });
    };
    const person = as("maintainer");
    const sight = createSight({ world: () => world, octokit: person.octokit, at: { owner, repo: name }, id, pods });
    const previewNamespace = (number: number): string => previewNamespaceName({ owner, repo: name, number });
    return { ...sight, owner, name, id, previewNamespace, person, as };
  }

  async function until<T>(condition: () => Promise<T> | T, sentence: string, pace: Pace = {}): Promise<NonNullable<T>> {
    const { stepMs, withinMs = PATIENCE_MS[patience] } = pace;
    const deadline = performance.now() + withinMs;
    for (;;) {
      // Looked at before the condition: a world that had come to rest by then changes nothing about it without time.
      const idle = await isIdle(world);
      const seen = await condition();
      if (seen) return seen;
      // What Proa calls an error does not end well by itself: no use in waiting.
      const error = tolerate.includes("error lines") ? undefined : log.find(isError);
      if (error !== undefined) throw new Error(`${sentence}: not so, because\n${error}`);
      if (performance.now() > deadline)
        throw new Error(`${sentence}: not so within ${withinMs / 1000} s\n${await described(world, log)}`);
      await jump(world, idle ? stepMs : 0);
    }
  }

  t.onTestFinished(async () => {
    const failed = t.task.result?.state === "fail";
    const problems = failed
      ? []
      : await problemsOf({ dir: join(dir, "world"), world, exchanges, log, tolerate, planted });
    if (shared !== undefined && (shared.dir ?? null) === null) await deleteNamespaces(world);
    await world.close();
    rmSync(dir, { recursive: true, force: true });
    if (problems.length > 0) throw new Error(`the journey ended, but:\n${problems.join("\n")}`);
  });

  return {
    ...repositoryAt(world.repo.owner, world.repo.name, world.repo.id),
    log,
    pods,
    apart,
    namespaces: world.namespaces,
    get world() {
      return world;
    },
    get ci() {
      if (testCi === null) throw new Error("this world has the real CI");
      return testCi;
    },
    async repository(name, files, protect = []) {
      const { owner } = world.repo;
      const { id } = await world.github.createRepository({ owner, name, files, protect });
      return repositoryAt(owner, name, id);
    },
    until,
    async quiet(withinMs = 30_000) {
      const isQuiet = async (): Promise<boolean> => {
        const due = ((await world.lambda.nextDueAt()) ?? Infinity) - world.clock.nowMs();
        return due > withinMs && isIdle(world);
      };
      // No further in one step than what it waits for: quiet is not a reason to skip minutes in which something may come up.
      await until(isQuiet, "everything is quiet", { stepMs: withinMs });
    },
    async pass(ms) {
      const end = world.clock.nowMs() + ms;
      while (world.clock.nowMs() < end) await advance(world, end - world.clock.nowMs());
      await until(() => isIdle(world), "what was due is done");
    },
    async restart() {
      await world.close();
      world = await create(port);
    },
  };
}

/** Whatever is left of this world in a cluster that outlives it. Nobody waits for that: it takes the cluster some seconds. */
async function deleteNamespaces({ cluster, store }: World): Promise<void> {
  const config = new KubeConfig();
  config.loadFromString(cluster.kubeconfig("admin"));
  const core = config.makeApiClient(CoreV1Api);
  for (const { id } of await store.repos()) {
    const { items } = await core.listNamespace({ labelSelector: `proa.dev/repository-id=${id}` });
    const left = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    for (const { metadata } of left) await core.deleteNamespace({ name: metadata?.name ?? "" });
  }
}

/** The store that it looks into may be one that fails on purpose. */
const described = (world: World, log: readonly string[]): Promise<string> =>
  describe(world, log).catch((error: unknown) => `and what stands in the store cannot be told: ${String(error)}`);

/** What somebody needs to know about a wait that did not end. */
async function describe(world: World, log: readonly string[]): Promise<string> {
  const { store, lambda, cluster, clock } = world;
  const due = await lambda.nextDueAt();
  const lines = [
    `functions ${(await lambda.busy()) ? "run" : "rest"}, cluster ${(await cluster.busy()) ? "busy" : "rests"}, next due in ${due === null ? "-" : due - clock.nowMs()} ms`,
  ];
  for (const { id } of await store.repos()) {
    const repoId = parseRepoId(id);
    for (const target of repoId === null ? [] : await store.targetsOf(repoId)) {
      const { state } = await store.load(target);
      if (state === null) continue;
      const { phase, because, rev, wanted, live, rollout, failures, wake } = state;
      const what = {
        phase,
        because,
        rev,
        wanted: wanted?.sha,
        live: live?.sha,
        rollout: rollout?.step,
        failures,
        wake,
      };
      lines.push(`${targetId(target)}: ${JSON.stringify(what)}`);
    }
  }
  return [...lines, ...log.slice(-25).map((line) => line.slice(0, 300))].join("\n");
}
