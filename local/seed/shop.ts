import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The files of the seeded repository `acme/shop`, by path. */
export function shopFiles(): Record<string, string> {
  const root = fileURLToPath(new URL("./shop/", import.meta.url));
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [path.slice(root.length).replaceAll(sep, "/"), readFileSync(path, "utf8")]),
  );
}
