import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Sabotage } from "./sabotage.ts";

/** The first seed that shows it. */
export interface Caught {
  readonly seed: number;
  readonly tried: number;
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

function huntOne(sabotage: Sabotage, seeds: number): Promise<Hunt> {
  const began = performance.now();
  const { PATH } = process.env;
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ["--import", LOADER, HUNTER, "1", String(seeds)],
      { env: { PATH, PROA_SABOTAGE: sabotage.name }, maxBuffer: 16 * 1024 * 1024 },
      (error, out, err) => {
        if (error !== null) return reject(new Error(`"${sabotage.name}" could not be tried: ${err}`, { cause: error }));
        const seconds = (performance.now() - began) / 1000;
        resolve({ sabotage, caught: out === "" ? null : (JSON.parse(out) as Caught), seconds });
      },
    );
  });
}
