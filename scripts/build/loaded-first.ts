import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Bytes of an ES module and of all that it imports before it runs: not of what it imports when that is needed. */
export function loadedFirst(file: string, seen = new Set<string>()): number {
  if (seen.has(file)) return 0;
  seen.add(file);
  const code = readFileSync(file, "utf8");
  const imported = [...code.matchAll(/\b(?:from|import)"(\.\/[^"]+)"/g)].map(([, path = ""]) =>
    join(dirname(file), path),
  );
  return imported.reduce((total, path) => total + loadedFirst(path, seen), Buffer.byteLength(code));
}
