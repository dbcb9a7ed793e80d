import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { clockTime } from "./chronicle.ts";
import { run } from "./run.ts";
import { type Shrunk, shrink } from "./shrink.ts";

/** `npm run simulate`: many seeds on all cores; or one, with its trace. */

interface Share {
  readonly from: number;
  readonly step: number;
  readonly seeds: number;
}

interface Found extends Shrunk {
  readonly seed: number;
  readonly others: number;
}

/** What one thread has seen since its last message. */
interface Tally {
  readonly seeds: number;
  readonly events: number;
  readonly calls: number;
  readonly messages: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly states: readonly string[];
  readonly found: readonly Found[];
}

const USAGE = "npm run simulate -- [--seeds <count>] [--from <seed>] [--jobs <threads>] | --seed <seed> [--trace]";
/** More failing seeds than these say nothing new. */
const MOST_FOUND = 5;

async function share({ from, step, seeds }: Share): Promise<void> {
  let found = 0;
  for (let index = 0; index < seeds; index++) {
    const seed = from + index * step;
    const each = await run(seed);
    const faults: Record<string, number> = {};
    for (const { kind } of each.happenings) faults[kind] = (faults[kind] ?? 0) + 1;
    const failed = each.violations.length > 0 && found < MOST_FOUND;
    if (failed) found++;
    const tally: Tally = {
      seeds: 1,
      events: each.events,
      calls: each.calls,
      messages: each.messages,
      faults,
      states: [...each.states],
      found: failed ? [{ seed, others: each.violations.length - 1, ...(await shrink(each)) }] : [],
    };
    parentPort?.postMessage(tally);
  }
}

async function many(from: number, seeds: number, jobs: number): Promise<boolean> {
  const began = performance.now();
  const total = { seeds: 0, events: 0, calls: 0, messages: 0 };
  const happened = new Map<string, number>();
  const states = new Set<string>();
  const found: Found[] = [];
  await Promise.all(
    Array.from({ length: jobs }, (_, job) => {
      const data: Share = { from: from + job, step: jobs, seeds: Math.ceil((seeds - job) / jobs) };
      const worker = new Worker(new URL(import.meta.url), { workerData: data });
      worker.on("message", (tally: Tally) => {
        for (const key of ["seeds", "events", "calls", "messages"] as const) total[key] += tally[key];
        for (const [kind, count] of Object.entries(tally.faults)) happened.set(kind, (happened.get(kind) ?? 0) + count);
        for (const state of tally.states) states.add(state);
        for (const each of tally.found) {
          found.push(each);
          console.log(story(each));
        }
      });
      return new Promise<void>((resolve, reject) => worker.on("exit", () => resolve()).on("error", reject));
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const faults = [...happened].filter(([kind]) => kind !== "action").sort(([a], [b]) => (a < b ? -1 : 1));
  const count = (n: number): string => Math.round(n).toLocaleString("en");
  console.log(
    [
      `${count(total.seeds)} seeds from ${from}: ${found.length === 0 ? "every invariant holds" : `${found.length} or more break an invariant`}`,
      `${count(total.events)} events, ${count(total.calls)} outside calls, ${count(total.messages)} messages, ${count(states.size)} different states`,
      `${count(happened.get("action") ?? 0)} things people did; faults: ${faults.map(([kind, times]) => `${kind} ${count(times)}`).join(", ")}`,
      `${seconds.toFixed(1)} s on ${jobs} threads, ${count(total.calls / seconds)} calls a second`,
    ].join("\n"),
  );
  return found.length === 0;
}

function story({ seed, invariant, detail, history, others, tried }: Found): string {
  return [
    `seed ${seed} breaks: ${invariant}`,
    `  ${detail}`,
    ...(others > 0 ? [`  and ${others} more`] : []),
    `  what it takes (found in ${tried} runs):`,
    ...history.map(({ at, text }) => `    ${clockTime(at)} ${text}`),
    `  again, whole: npm run simulate -- --seed ${seed} --trace`,
    "",
  ].join("\n");
}

async function one(seed: number, trace: boolean): Promise<boolean> {
  const each = await run(seed, { keepTrace: trace });
  for (const line of each.lines) console.log(line);
  console.log(`seed ${seed}: ${each.calls} calls, ${each.happenings.length} happenings, trace ${each.trace}`);
  for (const { invariant, detail } of each.violations) console.log(`breaks: ${invariant}\n  ${detail}`);
  if (each.violations.length === 0) return true;
  console.log(story({ seed, others: each.violations.length - 1, ...(await shrink(each)) }));
  return false;
}

function number(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name} is ${text}, which is no whole number: ${USAGE}`);
}

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "400" },
      from: { type: "string", default: "1" },
      jobs: { type: "string", default: `${availableParallelism()}` },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
    },
  });
  const jobs = Math.max(1, number(values.jobs, "jobs"));
  const fine =
    values.seed === undefined
      ? await many(number(values.from, "from"), number(values.seeds, "seeds"), jobs)
      : await one(number(values.seed, "seed"), values.trace);
  if (!fine) process.exitCode = 1;
} else {
  await share(workerData as Share);
}
