import type { KnownTarget, Slots } from "./adapters/store.ts";
import type { Decision } from "./core/decision.ts";
import type { PreviewSeen } from "./core/preview.ts";
import type { Effects } from "./effects.ts";
import type { PreviewTarget } from "./gather-preview.ts";
import { Conflict } from "./record.ts";

type Slot = PreviewSeen["slot"];

/** As many as there can be of one repository's previews at work at the same moment: each round, one of them gets its slot. */
const TRIES = 20;

export function slotOf(number: number, { held, queue }: Slots, cap: number): Slot {
  if (held.includes(number)) return { kind: "held" };
  const at = queue.indexOf(number);
  const before = at === -1 ? queue.length : at;
  if (held.length + before < cap) return { kind: "free" };
  return { kind: "full", position: before + 1, cap };
}

/**
 * Saves what was decided, with the slots as they are. All of a repository's previews share them, so the target of somebody else may be
 * faster: then, as long as nothing but them has changed and the slot is what it was, what was decided still holds and need
 * not be gathered anew.
 */
export async function withSlots(
  {
    target,
    known,
    read,
    slot,
    cap,
  }: { target: PreviewTarget; known: KnownTarget; read: Slots; slot: Slot; cap: number },
  decided: Decision["slot"],
  save: (slots: SlotsChange | null) => Promise<void>,
  fx: Pick<Effects, "store">,
): Promise<void> {
  let present = read;
  for (let tried = 1; ; tried++) {
    const change = changeOf(decided, target.number, present, slot);
    try {
      return await save(change);
    } catch (error) {
      if (!(error instanceof Conflict) || change === null || tried === TRIES) throw error;
      const [{ version, commands }, slots] = await Promise.all([fx.store.load(target), fx.store.slots(target.repoId)]);
      const isSame = version === known.version && commands.length === known.commands.length;
      if (!isSame || slotOf(target.number, slots, cap).kind !== slot.kind) throw error;
      present = slots;
    }
  }
}

export interface SlotsChange extends Pick<Slots, "held" | "queue"> {
  readonly before: Slots;
}

/** null: they stay as they are. */
function changeOf(decided: Decision["slot"], number: number, before: Slots, slot: Slot): SlotsChange | null {
  if (decided === "keep") return null;
  const { held, queue } = before;
  const without = (list: readonly number[]) => list.filter((other) => other !== number);
  const after =
    decided === "leave"
      ? { held: without(held), queue: without(queue) }
      : slot.kind === "full"
        ? { held, queue: queue.includes(number) ? queue : [...queue, number] }
        : { held: [...without(held), number], queue: without(queue) };
  const isChanged = after.held.length !== held.length || after.queue.length !== queue.length;
  return isChanged ? { before, ...after } : null;
}
