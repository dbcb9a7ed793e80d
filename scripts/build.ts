// One file per Lambda function, with everything it needs: `npm run build` → dist/<name>/index.mjs.
import { execFileSync } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** What a function's bundle came to. */
export interface Bundle {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** npm packages in it, by name. */
  readonly packages: readonly string[];
  /** Every file that something in it comes from, ours and theirs. */
  readonly inputs: readonly string[];
}

// What CommonJS packages expect to find, and an ES module does not have: https://github.com/evanw/esbuild/issues/1921
const BANNER = `import { createRequire as proaCreateRequire } from "node:module"; const require = proaCreateRequire(import.meta.url);`;

/** Bundles every function in `functions/` below `outdir`, which is emptied first. The same source gives the same bytes. */
export async function buildFunctions(outdir: string): Promise<Bundle[]> {
  rmSync(outdir, { recursive: true, force: true });
  const entries = globSync("functions/*.ts", { cwd: root }).sort();
  return Promise.all(entries.map((entry) => buildFunction(entry, outdir)));
}

async function buildFunction(entry: string, outdir: string): Promise<Bundle> {
  const name = basename(entry, ".ts");
  const folder = join(outdir, name);
  const file = join(folder, "index.mjs");
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: file,
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // A package's ES module leaves out what is not used; its CommonJS cannot.
    mainFields: ["module", "main"],
    minify: true,
    // Names stay: error classes are told apart by them, and a stack is read by people.
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    banner: { js: BANNER },
    metafile: true,
    logLevel: "warning",
  });
  // The deployer alone renders manifests, and reads them from beside itself. What a cluster's owner applies stays here.
  const rendered = (path: string): boolean => path !== join(root, "templates", "cluster");
  if (name === "deployer")
    cpSync(join(root, "templates"), join(folder, "templates"), { recursive: true, filter: rendered });
  const code = readFileSync(file);
  const inputs = inputsOf(metafile);
  return { name, file, bytes: code.length, gzipBytes: gzipSync(code).length, packages: packagesOf(inputs), inputs };
}

/** Only what ended up in the bundle, not what was looked at. */
function inputsOf({ outputs }: Metafile): string[] {
  const used = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return used.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])).sort();
}

/** `node_modules/a/node_modules/@b/c/x.js` is of `@b/c`. */
function packagesOf(inputs: readonly string[]): string[] {
  const names = inputs.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** How long the first `import` takes, as in a cold start; the best of three, each in a process of its own. */
function importMs(file: string): number {
  const script = `const before = performance.now(); await import(${JSON.stringify(file)}); console.log(performance.now() - before); process.exit(0)`;
  const tries = [1, 2, 3].map(() =>
    Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })),
  );
  return Math.min(...tries);
}

function table(built: readonly Bundle[]): string {
  const kb = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KB`;
  const rows = built.map(({ name, bytes, gzipBytes, packages, file }) => [
    name,
    kb(bytes),
    kb(gzipBytes),
    `${packages.length}`,
    `${importMs(file).toFixed(0)} ms`,
  ]);
  return [["function", "minified", "gzip", "packages", "import"], ...rows]
    .map(([name = "", ...figures]) => [name.padEnd(10), ...figures.map((figure) => figure.padStart(9))].join(" "))
    .join("\n");
}

if (import.meta.main) console.log(table(await buildFunctions(join(root, "dist"))));
