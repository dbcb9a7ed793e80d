import { createHash } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync, type Zippable } from "fflate";
import { buildFunctions } from "./build.ts";

/** A function's code as Lambda takes it. */
export interface Package {
  readonly name: string;
  /** Of the zip, in hex: the same source on the same Node gives the same one, on any machine. */
  readonly sha256: string;
  readonly zip: Uint8Array;
}

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/**
 * Builds every function in a folder of its own, away from `dist/`, so that two runs do not disturb each other.
 * @param arch the processor that the functions will run on, as Node names it
 */
export async function packageFunctions({ arch = "arm64" }: { arch?: string } = {}): Promise<Package[]> {
  const parent = join(root, ".proa");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "build-"));
  try {
    const bundles = await buildFunctions(folder, { arch });
    return bundles.map(({ name, file }) => packFolder(name, dirname(file)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing of where, when and by whom it was made is in the zip: names are sorted, times and modes fixed. */
export function packFolder(name: string, folder: string): Package {
  const files = globSync("**/*", { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const entries: Zippable = {};
  for (const path of paths.sort()) entries[path] = [readFileSync(join(folder, path)), ATTRIBUTES];
  const zip = zipSync(entries);
  return { name, sha256: createHash("sha256").update(zip).digest("hex"), zip };
}

const UNIX = 3;
const ATTRIBUTES = {
  // A zip's times have no zone: fflate writes the local fields of a date, so they are set as local ones.
  mtime: new Date(1980, 0, 1, 12),
  os: UNIX,
  // Lambda runs as another user than the one who packed: readable by all, as its documentation asks.
  // https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html
  attrs: 0o100644 << 16,
  level: 9,
} as const;
