import { run } from "./run.ts";
import { type Trouble, troubled } from "./sabotage-worlds.ts";
import type { Caught } from "./sabotage-run.ts";

/** In a process whose product is sabotaged: seed after seed, until the simulation sees that something is wrong; then one line of JSON. */
const [trouble = "any", ...range] = process.argv.slice(2);
const [first = 1, last = 1] = range.map(Number);

for (let seed = first; seed <= last; seed++) {
  const [violation] = (await run(seed, troubled(trouble as Trouble, seed))).violations;
  if (violation === undefined) continue;
  const caught: Caught = { seed, by: violation.invariant, detail: violation.detail };
  process.stdout.write(JSON.stringify(caught));
  break;
}
