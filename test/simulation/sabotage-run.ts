import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Sabotage } from "./sabotage.ts";
import type { Trouble } from "./sabotage-worlds.ts";

/** The first seed that shows it; all before it were tried as well. */
export interface Caught {
  readonly seed: number;
  /** The invariant's sentence. */
  readonly by: string;
  readonly detail: string;
}

export interface Hunt {
  readonly sabotage: Sabotage;
  /** null: no seed did. */
  readonly caught: Caught | null;
  readonly seconds: number;
}

const LOADER = fileURLToPath(new URL("sabotage-loader.ts", import.meta.url));
const HUNTER = fileURLToPath(new URL("sabotage-hunt.ts", import.meta.url));
/** A core each; the machines that this runs on have two. */
const AT_ONCE = 2;

/** Runs the simulation with each safeguard broken, each in a process of its own, until a seed shows it or there are no more seeds. */
export async function hunt(
  sabotages: readonly Sabotage[],
  { seeds, ended = () => undefined }: { seeds: number; ended?: (hunt: Hunt) => void },
): Promise<Hunt[]> {
  const hunts: Hunt[] = [];
  const waiting = [...sabotages];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const done = await huntOne(next, seeds);
      hunts.push(done);
      ended(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sabotages.flatMap((sabotage) => hunts.filter((done) => done.sabotage === sabotage));
}

/** A seed counts only where the same world, with nothing broken, has nothing wrong. */
async function huntOne(sabotage: Sabotage, seeds: number): Promise<Hunt> {
  const began = performance.now();
  for (let first = 1; ;) {
    const caught = await play(sabotage, sabotage.in, { first, last: seeds });
    const isProof =
      caught === null || (await play(null, sabotage.in, { first: caught.seed, last: caught.seed })) === null;
    if (isProof) return { sabotage, caught, seconds: (performance.now() - began) / 1000 };
    first = caught.seed + 1;
  }
}

/** The first of these seeds in which something is wrong; null: in none. */
function play(
  sabotage: Sabotage | null,
  trouble: Trouble,
  { first, last }: { first: number; last: number },
): Promise<Caught | null> {
  const broken = sabotage === null ? [] : ["--import", LOADER];
  const env = { PATH: process.env["PATH"], ...(sabotage === null ? {} : { PROA_SABOTAGE: sabotage.name }) };
  const args = [...broken, HUNTER, trouble, String(first), String(last)];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, maxBuffer: 16 * 1024 * 1024 }, (error, out, err) => {
      if (error === null) return resolve(out === "" ? null : (JSON.parse(out) as Caught));
      reject(new Error(`"${sabotage?.name ?? "nothing"}" could not be tried: ${err}`, { cause: error }));
    });
  });
}
