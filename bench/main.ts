// npm run bench [-- --only cold,patch] [--rounds 5] [--strict]: ratios of one run, each beside its goal, its floor and its peers.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { printed, type Row } from "./row.ts";
import type { World } from "./world.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "9" },
    strict: { type: "boolean", default: false },
  },
});
const here = fileURLToPath(new URL(".", import.meta.url));
// Probot and Amazon's runtime client: compared with, and never shipped. Kept apart, so that `npm ci` of the project stays small.
if (!existsSync(join(here, "node_modules"))) {
  console.error("Installing what Proa is compared with (bench/package-lock.json)…");
  execFileSync("npm", ["ci", "--ignore-scripts", "--loglevel=error"], { cwd: here, stdio: "inherit" });
}

const { makeBundles } = await import("./bundles.ts");
const { startWorld } = await import("./world.ts");
const count = Number(values.rounds);
const dir = mkdtempSync(join(tmpdir(), "proa-bench-"));
const rows: Row[] = [];
try {
  const bundles = await makeBundles(dir);
  const inWorld = async (measure: (world: World) => Promise<readonly Row[]>): Promise<readonly Row[]> => {
    const world = await startWorld();
    try {
      return await measure(world);
    } finally {
      world.close();
    }
  };
  const cases: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
    cold: async () => inWorld(async (world) => (await import("./cold.ts")).measureCold(bundles, world, count)),
    warm: async () => inWorld(async (world) => (await import("./warm.ts")).measureWarm(bundles, world, count)),
    update: async () => inWorld(async (world) => (await import("./update.ts")).measureUpdate(bundles, world, count)),
    patch: async () => inWorld(async (world) => (await import("./patch.ts")).measurePatch(world, count)),
    growth: async () => (await import("./growth.ts")).run(),
    burst: async () => (await import("./burst.ts")).run(),
  };
  const wanted = values.only?.split(",") ?? Object.keys(cases);
  for (const name of wanted) {
    const measure = cases[name];
    if (measure === undefined) throw new Error(`there is no ${name}: ${Object.keys(cases).join(", ")}`);
    console.error(`${name} …`);
    rows.push(...(await measure()));
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(
  `\n× is CPU of the whole process against an empty handler's under Amazon's runtime client, medians of ${count} rounds.\n`,
);
console.log(printed(rows));
const missed = rows.filter(({ met }) => met === false).length;
if (missed > 0) console.log(`\n${missed} of ${rows.filter(({ met }) => met !== null).length} goals missed.`);
if (values.strict && missed > 0) process.exitCode = 1;
