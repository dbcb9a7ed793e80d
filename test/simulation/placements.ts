import type { Table } from "../../src/adapters/table.ts";
import type { Millis } from "../../src/core/names.ts";
import type { Sync } from "./sim.ts";
import { stateIn } from "./states.ts";

/** When each namespace's uid was first written into a target's record. */
export function firstPlacements(table: Sync<Table>, now: () => Millis): ReadonlyMap<string, Millis> {
  const first = new Map<string, Millis>();
  const { write } = table;
  table.write = (writes) => {
    const outcome = write(writes);
    if (outcome === "conflict") return outcome;
    for (const each of writes) {
      if (each.kind !== "put" || each.key.sk !== "state") continue;
      for (const { uid } of Object.values(stateIn(each.value).placements)) if (!first.has(uid)) first.set(uid, now());
    }
    return outcome;
  };
  return first;
}
