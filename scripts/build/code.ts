import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script } from "node:vm";

/** The file that a function begins in; `module` is the one in it that begins. */
export const ENTRY = { file: "code.js", module: "./code.js" };

type Require = (name: string) => unknown;
type Module = (exports: unknown, require: Require, module: unknown, codeUrl: string) => void;

export interface Code {
  readonly exports: Readonly<Record<string, unknown>>;
  /** By file, those that were loaded. */
  readonly scripts: ReadonlyMap<string, Script>;
}

/**
 * Runs the code in `folder`, compiled from V8's cache where `cacheOf` has one for a file and it fits.
 * @param label what stack traces show in place of the folder, the same wherever it is
 */
export function runCode(folder: string, label: string, cacheOf: (file: string) => Buffer | undefined): Code {
  const url = pathToFileURL(join(folder, ENTRY.file)).href;
  const outside = createRequire(url);
  const scripts = new Map<string, Script>();
  const modules = new Map<string, Module>();
  const loaded = new Map<string, { exports: Record<string, unknown> }>();

  function read(file: string): void {
    const cachedData = cacheOf(file);
    // The bundle is pure ASCII, which V8 takes as it is.
    const script = new Script(readFileSync(join(folder, file), "latin1"), {
      filename: `${label}/${file}`,
      ...(cachedData === undefined ? {} : { cachedData }),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    scripts.set(file, script);
    const found = script.runInThisContext() as Record<string, Module>;
    for (const [name, module] of Object.entries(found)) modules.set(name, module);
  }

  function load(name: string): unknown {
    if (!name.startsWith("./")) return outside(name);
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    if (!modules.has(name)) read(name.slice(2));
    const module = { exports: {} };
    loaded.set(name, module);
    modules.get(name)?.(module.exports, load, module, url);
    return module.exports;
  }

  read(ENTRY.file);
  return { exports: load(ENTRY.module) as Code["exports"], scripts };
}
