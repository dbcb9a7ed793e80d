import { readFileSync } from "node:fs";
import { TEMPLATE_NAMES } from "./core/manifests.ts";
import type { Templates } from "./core/manifests.ts";
import { parseTemplate } from "./core/template.ts";

/** The manifests that everything is rendered from, read and parsed once per process. */
export function loadTemplates(): Templates {
  const entries = TEMPLATE_NAMES.map((name) => {
    const file = new URL(`../templates/${name}.yaml`, import.meta.url);
    return [name, parseTemplate(name, readFileSync(file, "utf8"))] as const;
  });
  return Object.fromEntries(entries) as Templates; // one entry for each of TEMPLATE_NAMES
}

/** The same, parsed by the build: YAML would take a good part of a function's first answer. */
export const readTemplates = (file: URL): Templates => JSON.parse(readFileSync(file, "utf8")) as Templates;
