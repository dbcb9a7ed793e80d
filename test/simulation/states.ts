import type { Table } from "../../src/adapters/table.ts";
import type { TargetState } from "../../src/core/state.ts";
import type { Sync } from "./sim.ts";

/** Collects what target records look like with every write, so that a run can say where it has been. */
export function visited(table: Sync<Table>): ReadonlySet<string> {
  const states = new Set<string>();
  const { write } = table;
  table.write = (writes) => {
    const outcome = write(writes);
    if (outcome === "written")
      for (const each of writes)
        if (each.kind === "put" && each.key.sk === "state") states.add(shape(stateIn(each.value)));
    return outcome;
  };
  return states;
}

/** What was written of a target, as `store-format.ts` has it. */
export const stateIn = (value: unknown): TargetState =>
  (value as { readonly record: { readonly state: TargetState } }).record.state;

/** A record without its names, numbers and times. */
function shape(state: TargetState): string {
  const { target, phase, rollout, live, wanted, failed, tombstone, awaiting, expecting, placements, failures } = state;
  const rolling =
    rollout === null ? "-" : `${rollout.kind} ${rollout.step} ${rollout.sha === wanted?.sha ? "wanted" : "other"}`;
  const served = live === null ? "nothing" : live.sha === wanted?.sha ? "wanted" : "other";
  const broke = failed === null ? "-" : failed.sha === wanted?.sha ? "wanted" : "other";
  return [
    target.kind,
    phase,
    rolling,
    served,
    broke,
    tombstone === null ? "-" : "tombstone",
    awaiting === null ? "-" : "awaiting",
    expecting === null ? "-" : "expecting",
    Object.keys(placements).length === 0 ? "nowhere" : "placed",
    Math.min(failures, 2),
    state.previous === null ? "-" : "previous",
    Math.min(state.open.length, 2),
    Math.min(state.answers.length, 2),
    state.problems.length > 0 ? "problems" : "-",
  ].join(" ");
}
