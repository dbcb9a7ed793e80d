import { readFileSync } from "node:fs";
import { TEMPLATE_NAMES } from "./core/manifests.ts";
import type { Templates } from "./core/manifests.ts";
import { parseTemplate } from "./core/template.ts";

/**
 * The manifests that everything is rendered from, read and parsed once per process. `folder`: in a checkout it is beside `src`;
 * a bundle ships it beside itself and says so.
 */
export function loadTemplates(folder: URL = new URL("../templates/", import.meta.url)): Templates {
  const entries = TEMPLATE_NAMES.map((name) => {
    const file = new URL(`${name}.yaml`, folder);
    return [name, parseTemplate(name, readFileSync(file, "utf8"))] as const;
  });
  return Object.fromEntries(entries) as Templates; // one entry for each of TEMPLATE_NAMES
}
