import { type LoadFnOutput, registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { sabotaged } from "./sabotage.ts";
import { SABOTAGES } from "./sabotage-table.ts";

/**
 * Preloaded (`node --import`) into a process that is to run with one safeguard of the product broken: the source is edited as it is
 * loaded, so no file and no copy of a file is ever changed.
 */
const name = process.env["PROA_SABOTAGE"];
const chosen = SABOTAGES.find((sabotage) => sabotage.name === name);
if (chosen === undefined) throw new Error(`PROA_SABOTAGE is "${name ?? ""}", which names no row of sabotage-table.ts`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.startsWith("file:") || !fileURLToPath(url).endsWith(`/${chosen.file}`)) return loaded;
    return { ...loaded, source: sabotaged(chosen, textOf(loaded.source)) };
  },
});

/** Node hands a file over as its bytes. */
const textOf = (source: LoadFnOutput["source"]): string =>
  typeof source === "string" ? source : new TextDecoder().decode(source);
