import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { clockTime } from "./chronicle.ts";
import { STORY } from "./orders.ts";
import { run } from "./run.ts";
import { shrink } from "./shrink.ts";
import { type Found, inThreads, type Share } from "./threads.ts";

const USAGE = `npm run simulate -- [--seeds <count>] [--from <seed>] [--jobs <threads>]   many seeds
npm run simulate -- --orders                                                   every order of a pull request's events
npm run simulate -- --seed <seed> [--trace]                                    one seed, with what happens in it`;

const count = (n: number): string => Math.round(n).toLocaleString("en");

/** True: every invariant holds. */
async function manySeeds(from: number, seeds: number, jobs: number): Promise<boolean> {
  const began = performance.now();
  const total = { done: 0, events: 0, calls: 0, messages: 0 };
  const happened = new Map<string, number>();
  const states = new Set<string>();
  let failed = 0;
  const shares = Array.from({ length: jobs }, (_, job): Share => {
    return { kind: "seeds", from: from + job, step: jobs, count: Math.ceil((seeds - job) / jobs) };
  });
  await inThreads(shares, (tally) => {
    for (const key of ["done", "events", "calls", "messages"] as const) total[key] += tally[key];
    for (const [kind, times] of Object.entries(tally.happened)) happened.set(kind, (happened.get(kind) ?? 0) + times);
    for (const state of tally.states) states.add(state);
    failed += tally.found.length;
    for (const each of tally.found) console.log(history(each));
  });
  const seconds = (performance.now() - began) / 1000;
  const { action = 0, ...faults } = Object.fromEntries([...happened].sort(([a], [b]) => (a < b ? -1 : 1)));
  const kinds = Object.entries(faults).map(([kind, times]) => `${kind} ${count(times)}`);
  const injected = Object.values(faults).reduce((sum, times) => sum + times, 0);
  console.log(`${count(total.done)} seeds from ${from}: ${failed === 0 ? "every invariant holds" : "invariants are broken"}
${count(total.events)} events, ${count(total.calls)} outside calls, ${count(total.messages)} messages, ${count(states.size)} different states
${count(action)} things that people did, ${count(injected)} faults: ${kinds.join(", ")}
${seconds.toFixed(1)} s on ${jobs} threads, ${count(total.calls / seconds)} calls a second`);
  return failed === 0;
}

function history({ seed, invariant, detail, history: happenings, others, tried }: Found): string {
  return [
    `seed ${seed} breaks: ${invariant}`,
    `  ${detail}`,
    ...(others > 0 ? [`  and ${others} more`] : []),
    `  what it takes (cut down in ${tried} runs):`,
    ...happenings.map(({ at, text }) => `    ${clockTime(at)} ${text}`),
    `  the whole of it: npm run simulate -- --seed ${seed} --trace`,
    "",
  ].join("\n");
}

async function everyOrder(jobs: number): Promise<boolean> {
  const began = performance.now();
  const ends = new Map<string, readonly number[]>();
  let played = 0;
  const shares = Array.from({ length: jobs }, (_, from): Share => ({ kind: "orders", from, step: jobs }));
  await inThreads(shares, (tally) => {
    played += tally.done;
    for (const [end, order] of Object.entries(tally.ends)) ends.set(end, order);
  });
  const seconds = (performance.now() - began) / 1000;
  console.log(`${count(played)} orders of ${STORY.join(", ")}, with one told twice or never: ${count(ends.size)} ends`);
  for (const [end, order] of ends) console.log(`  ${end} (${order.map((each) => STORY[each]).join(", ")})`);
  console.log(`${seconds.toFixed(1)} s on ${jobs} threads`);
  return ends.size === 1;
}

async function oneSeed(seed: number, trace: boolean): Promise<boolean> {
  const each = await run(seed, { keepTrace: trace });
  for (const line of each.lines) console.log(line);
  console.log(`seed ${seed}: ${count(each.calls)} calls, ${each.happenings.length} happenings, trace ${each.trace}`);
  for (const { invariant, detail } of each.violations) console.log(`breaks: ${invariant}\n  ${detail}`);
  if (each.violations.length === 0) return true;
  console.log(history({ seed, others: each.violations.length - 1, ...(await shrink(each)) }));
  return false;
}

function whole(text: string, name: string): number {
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name} is "${text}", which is no whole number\n${USAGE}`);
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "400" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    orders: { type: "boolean", default: false },
  },
});
const jobs = Math.max(1, whole(values.jobs, "jobs"));
const fine = values.orders
  ? await everyOrder(jobs)
  : values.seed === undefined
    ? await manySeeds(whole(values.from, "from"), whole(values.seeds, "seeds"), jobs)
    : await oneSeed(whole(values.seed, "seed"), values.trace);
if (!fine) process.exitCode = 1;
