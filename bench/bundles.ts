import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { builtins } from "../scripts/build/builtins.ts";
import { type Bundle, buildFunctions } from "../scripts/build.ts";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

export interface Bundles {
  readonly ours: readonly Bundle[];
  /** Where a function or a peer is, as Lambda would have it. */
  folder(name: string): string;
}

/** The least there is, with every trick of ours. */
const FLOORS = ["empty", "webhook-floor"];
/** As most people bundle: esbuild's defaults, one minified ES module. */
const PEERS = ["probot", "deployer-plain"];

export async function makeBundles(dir: string): Promise<Bundles> {
  const ours = await buildFunctions(join(dir, "ours"), { arch: process.arch });
  for (const name of [...FLOORS, ...PEERS]) {
    await build({
      entryPoints: [globSync(join(root, "bench", "peers", `${name}.{ts,mjs}`))[0] ?? name],
      outfile: join(dir, name, "index.mjs"),
      bundle: true,
      platform: "node",
      target: "node24",
      format: "esm",
      minify: true,
      ...(FLOORS.includes(name) ? { plugins: [builtins] } : { banner: { js: REQUIRE } }),
      logLevel: "error",
    });
  }
  return { ours, folder: (name) => ([...FLOORS, ...PEERS].includes(name) ? join(dir, name) : join(dir, "ours", name)) };
}

// What CommonJS packages expect to find, and an ES module does not have: https://github.com/evanw/esbuild/issues/1921
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;
