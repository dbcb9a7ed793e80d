import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The files of the seeded repository `acme/shop`, by path. @param apart as in `shopNamespaces` */
export function shopFiles(apart = ""): Record<string, string> {
  const root = fileURLToPath(new URL("./shop/", import.meta.url));
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).sort();
  const namespaces = shopNamespaces(apart);
  const read = (path: string): string =>
    readFileSync(path, "utf8")
      .replace(/namespace: shop-staging$/m, `namespace: ${namespaces.staging}`)
      .replace(/namespace: shop$/m, `namespace: ${namespaces.production}`);
  return Object.fromEntries(paths.map((path) => [path.slice(root.length).replaceAll(sep, "/"), read(path)]));
}

/** Where the shop's environments live. @param apart tells the shops of worlds that share a cluster from each other */
export function shopNamespaces(apart = ""): { staging: string; production: string } {
  return { staging: `shop${apart}-staging`, production: `shop${apart}` };
}
