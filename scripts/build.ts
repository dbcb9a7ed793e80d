// One file per Lambda function, with everything it needs: `npm run build` → dist/<name>/index.mjs.
import { execFile, execFileSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build, type BuildOptions, type Metafile, transform } from "esbuild";
import { namedBuiltins } from "./build/builtins-named.ts";
import { builtins } from "./build/builtins.ts";
import { ENTRY } from "./build/code.ts";
import { loadTemplates } from "../src/templates.ts";
import { fileOf, type Module } from "./build/file.ts";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** What a function's bundle came to. */
export interface Bundle {
  readonly name: string;
  readonly file: string;
  /** Of all its code, without the cache. */
  readonly bytes: number;
  readonly gzipBytes: number;
  /** V8's compiled form of the code, shipped beside it; 0: none. */
  readonly cacheBytes: number;
  /** npm packages in it, by name. */
  readonly packages: readonly string[];
  /** Every file that something in it comes from, ours and theirs. */
  readonly inputs: readonly string[];
}

/** Small enough that compiling it costs nothing that a cache would save. */
const SMALL = ["webhook", "tick"];

/**
 * Bundles every function in `functions/` below `outdir`, which is emptied first: `<name>/index.mjs` and what belongs to it, and
 * source maps in `maps/`, which are not shipped. The same source gives the same bytes, on any machine of the same kind.
 * @param arch the processor it will run on; V8's cache can only be made on the same, and is left out elsewhere
 */
export async function buildFunctions(outdir: string, { arch = "arm64" }: { arch?: string } = {}): Promise<Bundle[]> {
  rmSync(outdir, { recursive: true, force: true });
  const names = globSync("functions/*.ts", { cwd: root }).map((entry) => basename(entry, ".ts"));
  const built = await Promise.all(names.sort().map((name) => buildFunction(name, outdir)));
  if (canCache(arch)) await writeCaches(outdir);
  return built.map((bundle) => ({ ...bundle, cacheBytes: cacheBytesOf(join(outdir, bundle.name)) }));
}

/** Bytecode is of one V8 on one kind of machine: what Lambda runs is Linux. */
export const canCache = (arch: string): boolean => process.platform === "linux" && process.arch === arch;

const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node24",
  // A package's ES module leaves out what is not used; its CommonJS cannot.
  mainFields: ["module", "main"],
  plugins: [builtins],
  // Names stay where they cost nothing, since nothing is parsed: a stack is read by people.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcesContent: false,
  legalComments: "none",
  metafile: true,
  write: false,
  format: "esm",
  logLevel: "warning",
} satisfies BuildOptions;

/** For esbuild, wherever the files go: names of files and of sources in their maps depend on it. */
const OUT = join(root, "dist", "function");

async function buildFunction(name: string, outdir: string): Promise<Omit<Bundle, "cacheBytes">> {
  const folder = join(outdir, name);
  const file = join(folder, "index.mjs");
  const maps = join(outdir, "maps", name);
  const inputs = SMALL.includes(name) ? await buildModule(name, folder, maps) : await buildScripts(name, folder, maps);
  // The deployer alone renders manifests, and reads them from beside itself.
  if (name === "deployer") write(join(folder, "templates.json"), JSON.stringify(loadTemplates()));
  const code = globSync("*.{mjs,js}", { cwd: folder }).map((each) => readFileSync(join(folder, each)));
  return {
    name,
    file,
    bytes: sum(code.map(({ length }) => length)),
    gzipBytes: sum(code.map((content) => gzipSync(content).length)),
    packages: packagesOf(inputs),
    inputs,
  };
}

/** A function in ES modules, names and all made short: one for its first answer, and apart what it imports when it is needed. */
async function buildModule(name: string, folder: string, maps: string): Promise<string[]> {
  const { metafile, outputFiles } = await build({
    ...COMMON,
    entryPoints: { index: `functions/${name}.ts` },
    outdir: OUT,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    plugins: [namedBuiltins],
    minify: true,
    sourcemap: "external",
  });
  for (const { path, text } of outputFiles) write(join(path.endsWith(".map") ? maps : folder, basename(path)), text);
  return inputsOf(metafile);
}

/** Imported dynamically, since a laptop has others in their place; on Lambda they are needed at once. */
const AT_ONCE = ["table-dynamodb", "queue-sqs", "eks-cluster"].map((name) => `src/adapters/${name}.ts`);

/**
 * A function in scripts that V8 can compile by themselves and keep: see build/code.ts. What is imported dynamically is in files of its
 * own, so that whoever never needs it never reads it; the rest is in one.
 */
async function buildScripts(name: string, folder: string, maps: string): Promise<string[]> {
  const { metafile, outputFiles } = await build({
    ...COMMON,
    entryPoints: { code: `functions/${name}.ts` },
    chunkNames: "code-[hash]",
    outdir: OUT,
    splitting: true,
    sourcemap: "inline",
  });
  const modules = await Promise.all(
    outputFiles.map(async ({ path, text }): Promise<[string, Module]> => [`./${basename(path)}`, await moduleOf(text)]),
  );
  const first = neededAtOnce(metafile);
  const files: [string, [string, Module][]][] = [
    [ENTRY.file, modules.filter(([path]) => first.has(path))],
    ...modules
      .filter(([path]) => !first.has(path))
      .map((each): [string, [string, Module][]] => [basename(each[0]), [each]]),
  ];
  for (const [file, content] of files) {
    const { code, map } = fileOf(new Map(content));
    write(join(folder, file), code);
    write(join(maps, `${file}.map`), map);
  }
  const loader = await build({
    ...COMMON,
    entryPoints: ["scripts/build/loader.ts"],
    outfile: join(OUT, "index.mjs"),
    minify: true,
  });
  for (const { path, text } of loader.outputFiles) write(join(folder, basename(path)), text);
  return inputsOf(metafile);
}

async function moduleOf(text: string): Promise<Module> {
  return transform(text, {
    format: "cjs",
    platform: "node",
    target: COMMON.target,
    supported: { "dynamic-import": false },
    define: { "import.meta.url": "codeUrl" },
    minifyWhitespace: true,
    sourcemap: "external",
    sourcesContent: false,
  });
}

/** The entry, what of AT_ONCE it has, and what those import. */
function neededAtOnce({ outputs }: Metafile): ReadonlySet<string> {
  const named = Object.entries(outputs).map(([path, output]) => ({ path, module: `./${basename(path)}`, ...output }));
  const wanted = named.filter(
    ({ module, entryPoint }) => module === ENTRY.module || AT_ONCE.includes(entryPoint ?? ""),
  );
  // A Set hands out what is added to it on the way.
  const found = new Set(wanted.map(({ path }) => path));
  for (const path of found)
    for (const { kind, path: imported } of outputs[path]?.imports ?? [])
      if (kind === "import-statement") found.add(imported);
  return new Set([...found].map((path) => `./${basename(path)}`));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/**
 * Plays a small story with the built functions and keeps what V8 has compiled for it. `--expose-gc` is how Lambda starts Node. The
 * rest is for the same bytes each time: the order in the cache comes from seeds; what was compiled must not be thrown away again; and V8
 * writes out the padding between objects, which is zero as long as nothing was collected and its memory used again.
 */
async function writeCaches(outdir: string): Promise<void> {
  const seeds = ["--hash-seed=1", "--random-seed=1"];
  const memory = ["--no-flush-bytecode", "--min-semi-space-size=256", "--max-semi-space-size=256"];
  const flags = ["--expose-gc", ...seeds, ...memory];
  const script = join(root, "scripts", "build", "write-caches.ts");
  await promisify(execFile)(process.execPath, [...flags, script, resolve(outdir)], { env: {} });
}

const cacheBytesOf = (folder: string): number =>
  sum(globSync("*.cache", { cwd: folder }).map((file) => statSync(join(folder, file)).size));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

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

/** How long the first `import` takes under Lambda's flag, as in a cold start; the best of three, each in a process of its own. */
function importMs(file: string): number {
  const script = `const before = performance.now(); await import(${JSON.stringify(file)}); console.log(performance.now() - before); process.exit(0)`;
  const tries = [1, 2, 3].map(() =>
    Number(execFileSync(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], { encoding: "utf8" })),
  );
  return Math.min(...tries);
}

function table(built: readonly Bundle[]): string {
  const kb = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KB`;
  const rows = built.map(({ name, bytes, gzipBytes, cacheBytes, packages, file }) => [
    name,
    kb(bytes),
    kb(gzipBytes),
    kb(cacheBytes),
    `${packages.length}`,
    `${importMs(file).toFixed(0)} ms`,
  ]);
  return [["function", "minified", "gzip", "cache", "packages", "import"], ...rows]
    .map(([name = "", ...figures]) => [name.padEnd(10), ...figures.map((figure) => figure.padStart(9))].join(" "))
    .join("\n");
}

if (import.meta.main) {
  const arch = process.argv[2] ?? "arm64";
  console.log(table(await buildFunctions(join(root, "dist"), { arch })));
  if (!canCache(arch))
    console.log(
      `Without V8's code cache: it is made on Linux on ${arch}, and this is ${process.platform} on ${process.arch}.`,
    );
}
