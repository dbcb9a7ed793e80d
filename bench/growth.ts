import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Item, Write } from "../src/adapters/table.ts";
import { hash } from "../src/core/hash.ts";
import type { LookMessage } from "../src/core/message.ts";
import type { Target } from "../src/core/names.ts";
import type { Effects } from "../src/effects.ts";
import { handle } from "../src/handle.ts";
import { look } from "../src/look.ts";
import { sweepGitHub } from "../src/sweep.ts";
import { configWith, type Crowd, firstHead, INSTALLATION, openCrowd, repositoryOf, shaOf } from "./crowd.ts";
import { openProa, type Proa } from "./crowd-proa.ts";
import type { Row } from "./row.ts";

/** So many previews are up, and the others wait for one of them to go. */
const UP = 5;
const ROUNDS = 12;
const REPOSITORY = repositoryOf(0);
const preview = (number: number) => ({ kind: "preview", repoId: REPOSITORY.id, number }) as Target;

export interface Cost {
  readonly github: number;
  readonly cluster: number;
  readonly table: number;
  /** Of CPU, the stand-in's included, at the least: what a busy machine adds is not ours, and waiting is counted in calls. */
  readonly ms: number;
}

export interface Growth {
  readonly pulls: number;
  /** A push to a pull request whose preview is up, and one to a pull request that waits for a slot. */
  readonly update: Cost;
  readonly waiting: Cost;
  readonly sweep: Cost & { readonly pages: number };
  /** What is left of the heap when everything of it is done, in MB. */
  readonly heapMb: number;
}

/** What one event and one sweep cost with so many open pull requests, all of them known. The sizes take turns. */
export async function measure(sizes: readonly number[], rounds = ROUNDS): Promise<readonly Growth[]> {
  const worlds: World[] = [];
  try {
    for (const pulls of sizes) worlds.push(await open(pulls));
    for (let round = 0; round <= rounds; round++) {
      for (const world of worlds) {
        world.update.push(await event(1 + (round % UP), round, world));
        world.waiting.push(await event(world.pulls - (round % (world.pulls - UP)), round, world));
      }
    }
    const grown: Growth[] = [];
    for (const world of worlds) {
      const { pulls, update, waiting } = world;
      const heapMb = await kept(world);
      grown.push({ pulls, update: least(update), waiting: least(waiting), sweep: await sweep(world), heapMb });
    }
    return grown;
  } finally {
    for (const { proa, crowd } of worlds) {
      proa.close();
      await crowd.close();
    }
  }
}

interface World {
  readonly pulls: number;
  readonly crowd: Crowd;
  readonly proa: Proa;
  readonly fx: Effects;
  readonly update: Cost[];
  readonly waiting: Cost[];
}

async function open(pulls: number): Promise<World> {
  const crowd = await openCrowd({ repositories: 1, pulls, cap: UP });
  const proa = openProa(crowd);
  await populate(pulls, proa);
  return { pulls, crowd, proa, fx: proa.effects(), update: [], waiting: [] };
}

async function event(number: number, round: number, { crowd, proa, fx }: Omit<World, "update">): Promise<Cost> {
  const sha = shaOf(`${number} ${round}`);
  crowd.push(0, number, sha);
  crowd.asked();
  proa.tableCalls();
  const began = process.cpuUsage();
  await handle(message(number, sha, fx), fx);
  const { user, system } = process.cpuUsage(began);
  const ms = (user + system) / 1_000;
  const cost = { ...calls(crowd.asked(), proa.tableCalls()), ms };
  await proa.quiet(fx, 30_000);
  return cost;
}

/** The first one is not counted: with it come the App's token and the like, once in a process' life. */
function least([, ...costs]: readonly Cost[]): Cost {
  const most = (key: "github" | "cluster" | "table") => Math.max(...costs.map((cost) => cost[key]));
  const ms = Math.min(...costs.map((cost) => cost.ms));
  return { github: most("github"), cluster: most("cluster"), table: most("table"), ms };
}

/** What some more events leave on the heap, in MB. */
async function kept(world: World): Promise<number> {
  const before = heap();
  for (let round = 0; round < UP; round++) await event(1 + round, 1_000 + round, world);
  return (heap() - before) / 2 ** 20;
}

async function sweep({ crowd, proa, fx }: World): Promise<Growth["sweep"]> {
  crowd.asked();
  proa.tableCalls();
  const began = performance.now();
  const swept = await sweepGitHub(fx);
  const ms = performance.now() - began;
  const asked = crowd.asked();
  if (swept === null || swept.failed.length > 0) throw new Error(`the sweep failed: ${swept?.failed.join("; ")}`);
  return { ...calls(asked, proa.tableCalls()), ms, pages: asked.filter((what) => what.endsWith("/pulls")).length };
}

function calls(asked: readonly string[], table: number): Omit<Cost, "ms"> {
  const cluster = asked.filter((what) => /^[A-Z]+ \/apis?\//.test(what)).length;
  const github = asked.filter((what) => !/^[A-Z]+ \/(?:apis?|v2)\//.test(what)).length;
  return { github, cluster, table };
}

const message = (number: number, sha: string | null, { clock }: Pick<Effects, "clock">) =>
  ({
    v: 1,
    kind: "look",
    target: preview(number),
    sha,
    delivery: `growth-${number}-${sha}`,
    installation: INSTALLATION,
    repo: REPOSITORY.name,
    receivedAt: clock.now(),
    because: "pull_request.synchronize",
  }) as LookMessage;

/** Those that are up and the first that waits come about by themselves; the others that wait are like that one. */
async function populate(pulls: number, proa: Proa): Promise<void> {
  const fx = proa.effects();
  const first = UP + 1;
  for (let number = 1; number <= Math.min(pulls, first); number++) {
    await look(preview(number), { installation: INSTALLATION, repo: REPOSITORY.name as never, because: "opened" }, fx);
    await proa.quiet(fx, 30_000);
  }
  // Everybody has heard of `.proa.yml` as it is.
  await fx.store.putCursor(`config/${REPOSITORY.id}`, { config: hash(configWith(UP)), below: null });
  if (pulls <= first) return;
  const partitions = [`target/preview/1000/${first}`, "repo/1000", "outbox/5", `commit/1000/${firstHead(0, first)}`];
  const isOf = new RegExp(`/${REPOSITORY.id}/${first}(?:/|"|$)|${firstHead(0, first)}`);
  const own = (await Promise.all(partitions.map((pk) => proa.table.query(pk))))
    .flat()
    .filter(({ pk, sk, value }) => isOf.test(JSON.stringify([`${pk} ${sk}`, value])));
  let writes: Write[] = [];
  for (let number = first + 1; number <= pulls; number++) {
    writes.push(...own.map((item) => another(item, first, number)));
    if (writes.length + own.length <= 100 && number < pulls) continue;
    await proa.table.write(writes);
    writes = [];
  }
  const slots = { pk: "repo/1000", sk: "slots" };
  const item = await proa.table.get(slots);
  if (item === null) throw new Error("nobody took a slot");
  const { held } = item.value as { held: number[] };
  const queue = Array.from({ length: pulls - UP }, (_, at) => first + at);
  await proa.table.write([{ kind: "put", key: slots, value: { held, queue }, when: { kind: "always" } }]);
}

/** The same of another pull request. */
function another({ pk, sk, value, due }: Item, from: number, to: number): Write {
  const text = JSON.stringify({ key: { pk, sk }, value })
    .replaceAll(firstHead(0, from), firstHead(0, to))
    .replaceAll(`/1000/${from}`, `/1000/${to}`)
    .replaceAll(`"number":${from}`, `"number":${to}`)
    .replaceAll(`-${from}-`, `-${to}-`);
  const copy = JSON.parse(text) as Pick<Write & { kind: "put" }, "key" | "value">;
  return { kind: "put", ...copy, when: { kind: "always" }, due };
}

function heap(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

const SIZES = [10, 100, 1_000, 10_000];

/** The goal: calls, time and memory of an event flat; a sweep's calls one page per hundred pull requests, and a few. */
export async function run(): Promise<readonly Row[]> {
  const grown = await measure(SIZES);
  const each = (show: (growth: Growth) => string) => grown.map(show).join(" · ");
  const at = SIZES.map((size) => size.toLocaleString("en")).join(" · ");
  const counted = ({ github, cluster, table }: Cost) => `${github}+${cluster}+${table}`;
  const total = ({ github, cluster, table }: Cost) => github + cluster + table;
  const [small, ...others] = grown;
  if (small === undefined) throw new Error("nothing was measured");
  const isFlat = (of: (growth: Growth) => Cost) => others.every((growth) => total(of(growth)) <= total(of(small)));
  const slower = (of: (growth: Growth) => Cost) => Math.max(...others.map((growth) => of(growth).ms / of(small).ms));
  return [
    {
      what: `push to a preview that is up: calls of GitHub+cluster+table at ${at} open`,
      measured: each(({ update }) => counted(update)),
      goal: "flat",
      met: isFlat(({ update }) => update),
    },
    {
      what: "the same: time",
      measured: `${each(({ update }) => `${update.ms.toFixed(1)} ms`)}, ${slower(({ update }) => update).toFixed(2)}×`,
      goal: "flat",
      met: slower(({ update }) => update) <= 1.5,
    },
    {
      what: "push to a pull request that waits for a slot: calls",
      measured: each(({ waiting }) => counted(waiting)),
      goal: "flat",
      met: isFlat(({ waiting }) => waiting),
    },
    {
      what: "the same: time",
      measured: `${each(({ waiting }) => `${waiting.ms.toFixed(1)} ms`)}, ${slower(({ waiting }) => waiting).toFixed(2)}×`,
      goal: "flat",
      met: slower(({ waiting }) => waiting) <= 1.5,
    },
    {
      what: "memory kept after these events",
      measured: each(({ heapMb }) => `${heapMb.toFixed(1)} MB`),
      goal: "flat",
      met: grown.every(({ heapMb }) => heapMb <= Math.max(1, 2 * small.heapMb)),
    },
    {
      what: "a GitHub sweep: pages of open pull requests, other calls of GitHub, calls of the table",
      measured: each(({ sweep: { pages, github, table } }) => `${pages}+${github - pages}+${table}`),
      goal: "≤ 1 page per 100, others constant",
      met: grown.every(
        ({ pulls, sweep: { pages, github, table } }) =>
          pages <= Math.ceil(pulls / 100) && github - pages <= small.sweep.github && table <= 2 * small.sweep.table,
      ),
    },
  ];
}
