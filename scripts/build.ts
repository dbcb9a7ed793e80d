// One file per Lambda function, with everything it needs: `npm run build` → dist/<name>/index.mjs.
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** What a function's bundle came to. */
export interface BuiltFunction {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** npm packages in it, by name. */
  readonly packages: readonly string[];
  readonly metafile: Metafile;
}

// What CommonJS packages expect to find, and an ES module does not have: https://github.com/evanw/esbuild/issues/1921
const BANNER = `import { createRequire as proaCreateRequire } from "node:module"; const require = proaCreateRequire(import.meta.url);`;

/** Bundles every function in `functions/` below `outdir`, which is emptied first. The same source gives the same bytes. */
export async function buildFunctions(outdir: string): Promise<BuiltFunction[]> {
  rmSync(outdir, { recursive: true, force: true });
  const entries = globSync("functions/*.ts", { cwd: root }).sort();
  return Promise.all(entries.map((entry) => buildFunction(entry, outdir)));
}

async function buildFunction(entry: string, outdir: string): Promise<BuiltFunction> {
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
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "meta.json"), JSON.stringify(metafile));
  // The deployer alone renders manifests, and reads them from beside itself.
  if (name === "deployer") cpSync(join(root, "templates"), join(folder, "templates"), { recursive: true });
  const bytes = statSync(file).size;
  return { name, file, bytes, gzipBytes: gzipSync(readFileSync(file)).length, packages: packagesOf(metafile), metafile };
}

/** `node_modules/a/node_modules/@b/c/x.js` is of `@b/c`. Only what ended up in the bundle counts, not what was looked at. */
function packagesOf({ outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap(({ inputs: used }) =>
    Object.entries(used).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const names = inputs.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

function table(built: readonly BuiltFunction[]): string {
  const kb = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KB`;
  const rows = built.map(({ name, bytes, gzipBytes, packages }) => [name, kb(bytes), kb(gzipBytes), `${packages.length}`]);
  return [["function", "minified", "gzip", "packages"], ...rows]
    .map(([name = "", ...figures]) => [name.padEnd(10), ...figures.map((figure) => figure.padStart(9))].join(" "))
    .join("\n");
}

if (import.meta.main) console.log(table(await buildFunctions(join(root, "dist"))));
