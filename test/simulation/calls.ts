import type { ApplyResult } from "../../src/adapters/kubernetes.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { type Chronicle, clockTime } from "./chronicle.ts";
import { type Fault, faultOf, failure, type System, type Weather } from "./faults.ts";
import { type Kernel, lot, mix, textHash } from "./kernel.ts";
import type { Sync } from "./sim.ts";

/** What one invocation works on; the calls of a lane are counted, so that a fault can be named: "the 17th call about preview/1/7". */
interface Lane {
  readonly name: string;
  readonly hash: number;
  calls: number;
}

/** A process between two deaths. */
export interface Worker {
  readonly name: string;
  lane: Lane;
  alive: boolean;
  readonly died: () => void;
}

export interface Figures {
  calls: number;
  readonly byMethod: Map<string, number>;
}

/** Turns a model's methods into calls over a network: they take time, and what becomes of each of them is up to the weather. */
export interface Calls {
  readonly figures: Figures;
  lane(name: string): Lane;
  /** The model as this process sees it. `remember`: whether reads may be answered as they were a little earlier. */
  over<T extends object>(model: Sync<T>, system: System, worker: Worker): T;
  /** Something at GitHub changed: what was answered before that is no longer merely late. */
  changed(): void;
}

const LATENCY_MS: Readonly<Record<System, number>> = { table: 8, queue: 10, github: 150, registry: 80, cluster: 25 };
/** GitHub's replicas are behind by at most this. */
const LAG_MS = 10_000;
const MOST_LATE_MS = 3 * 60_000;
/** Longer than a message stays invisible. */
const STALL_MS = 150_000;

export function createCalls({
  kernel,
  chronicle,
  seed,
  weather,
}: {
  kernel: Kernel;
  chronicle: Chronicle;
  seed: number;
  weather: () => Weather;
}): Calls {
  const lanes = new Map<string, Lane>();
  const figures: Figures = { calls: 0, byMethod: new Map() };
  const answers = new Map<string, { at: number; answer: unknown }>();
  const changes: number[] = [];

  /** What the same read answered before, if GitHub may still answer it: nothing has changed since but in the last few seconds. */
  function earlier(key: string, system: System): { answer: unknown } | null {
    const known = answers.get(key);
    if (known === undefined) return null;
    if (system === "table") return kernel.now() - known.at <= 2_000 ? known : null;
    const firstChange = changes.find((at) => at > known.at);
    return firstChange === undefined || firstChange < kernel.now() - LAG_MS ? null : known;
  }

  function call(worker: Worker, system: System, method: string, args: readonly unknown[], run: () => unknown) {
    return new Promise<unknown>((resolve, reject) => {
      if (!worker.alive) return;
      const { lane } = worker;
      const number = lane.calls++;
      figures.calls++;
      const id = mix(lane.hash, number);
      const what = `${system}.${method}`;
      figures.byMethod.set(what, (figures.byMethod.get(what) ?? 0) + 1);
      const reads = READS.has(method);
      const remembered = reads && (system === "github" || method === "due") ? `${what} ${args.join(" ")}` : null;
      const wanted = faultOf(weather(), { seed, call: id, system, reads });
      const fault = wanted !== null && happens(wanted) ? wanted : null;

      function happens(kind: Fault): boolean {
        const at = kernel.now();
        const text = `${kind}: ${what}(${args.map(brief).join(", ")}) of ${lane.name}, its call ${number}`;
        return chronicle.happens({ id: `${lane.name}#${number}`, at, kind, text });
      }
      function die(): void {
        worker.alive = false;
        worker.died();
      }
      const answer = (delay: number, give: () => void): void =>
        kernel.at(delay, what, () => {
          if (worker.alive) give();
        });
      const latency = LATENCY_MS[system];
      const there = 1 + latency * lot(seed, id, 2);
      const back = latency * lot(seed, id, 3) + (fault === "slow" ? slowness(lot(seed, id, 4)) : 0);

      if (fault === "killed before") return die();
      kernel.at(there, what, () => {
        // Sent before its process died: it arrives all the same, or it does not.
        if (!worker.alive && lot(seed, id, 5) < 0.5) return;
        chronicle.note(`${clockTime(kernel.now())} ${lane.name} ${what}`);
        const waitMs = 1_000 + Math.floor(lot(seed, id, 6) * 60_000);
        if (fault === "unavailable" || fault === "limited")
          return answer(back, () => reject(failure(fault, what, waitMs, system)));
        if (fault === "late effect") kernel.at(10_000 + lot(seed, id, 7) * MOST_LATE_MS, what, () => unheard(run));
        if (fault === "lost request" || fault === "late effect")
          return answer(10_000, () => reject(failure("lost", what, 0, system)));
        if (fault === "conflict" && hasPreconditions(method)) return answer(back, () => resolve(CONFLICT));
        if (fault === "stale" && remembered !== null) {
          const former = earlier(remembered, system);
          if (former !== null) return answer(back, () => resolve(former.answer));
        }
        let result: unknown;
        try {
          result = run();
        } catch (error) {
          return answer(back, () => reject(error));
        }
        if (!reads && system === "github") changes.push(kernel.now());
        if (remembered !== null) answers.set(remembered, { at: kernel.now(), answer: result });
        if (fault === "lost answer") return answer(10_000, () => reject(failure("lost", what, 0, system)));
        if (fault === "killed after") return die();
        answer(back, () => resolve(result));
      });
    });
  }

  return {
    figures,
    lane(name) {
      const known = lanes.get(name);
      if (known !== undefined) return known;
      const lane = { name, hash: textHash(name), calls: 0 };
      lanes.set(name, lane);
      return lane;
    },
    over: <T extends object>(model: Sync<T>, system: System, worker: Worker) => {
      const methods = Object.entries(model).map(([method, run]: [string, unknown]) => [
        method,
        typeof run === "function"
          ? (...args: unknown[]) => call(worker, system, method, args, () => run.apply(model, args) as unknown)
          : run,
      ]);
      return Object.fromEntries(methods) as T; // the same methods, each by way of `call`
    },
    changed: () => void changes.push(kernel.now()),
  };
}

/** It happens, or it is refused; nobody waits for the answer. */
function unheard(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
  }
}

const slowness = (draw: number): number => (draw < 0.2 ? STALL_MS + draw * 100_000 : draw * 20_000);

const brief = (arg: unknown): string => {
  if (typeof arg === "object") return Array.isArray(arg) ? "[…]" : "{…}";
  // Ids that Proa makes up for its own messages are random, and no part of what a seed repeats.
  return `${arg as string | number}`.replace(/proa-[0-9a-f-]{36}/, "proa-…").slice(0, 60);
};

/** What changes nothing, of the table, of GitHub, of the cluster and of the registry. */
const READS: ReadonlySet<string> = new Set(
  [
    "get query due",
    "repository pullRequest openPullRequests changedFiles checks branchRules branch commit compare file pullRequestsOf permission",
    "findDeployment findComment findCheckRun installations repositoriesOf failedDeliveries",
    "namespace ourNamespaces workloads deployment events logs secret",
    "resolve",
  ].flatMap((names) => names.split(" ")),
);

/** A plain POST or DELETE meets nobody. */
const hasPreconditions = (method: string): boolean => method === "apply" || method === "patchImage";

const CONFLICT: ApplyResult = { kind: "stale", detail: "409: another writer was faster" };
