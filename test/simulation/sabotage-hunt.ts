import { run } from "./run.ts";
import type { Caught } from "./sabotage-run.ts";

/** In a process whose product is sabotaged: seed after seed, until the simulation sees that something is wrong; then one line of JSON. */
const [first = 1, last = 1] = process.argv.slice(2).map(Number);

for (let seed = first; seed <= last; seed++) {
  const [violation] = (await run(seed)).violations;
  if (violation === undefined) continue;
  const caught: Caught = { seed, tried: seed - first + 1, by: violation.invariant, detail: violation.detail };
  process.stdout.write(JSON.stringify(caught));
  break;
}
