import type { Table } from "../../src/adapters/table.ts";
import type { Sync } from "./sim.ts";

/** What was first written down for each tag, by `repo/<id> digest/<image>/<tag>`: what was tested, whatever was written later. */
export function firstDigests(table: Sync<Table>): ReadonlyMap<string, unknown> {
  const first = new Map<string, unknown>();
  const { write } = table;
  table.write = (writes) => {
    const outcome = write(writes);
    if (outcome === "conflict") return outcome;
    for (const each of writes) {
      if (each.kind !== "put" || !each.key.sk.startsWith("digest/")) continue;
      const key = `${each.key.pk} ${each.key.sk}`;
      if (!first.has(key)) first.set(key, each.value);
    }
    return outcome;
  };
  return first;
}
