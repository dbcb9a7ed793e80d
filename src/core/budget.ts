import type { Millis } from "./names.ts";

/**
 * GitHub allows 80 content-creating requests a minute and 500 an hour per installation, and may ban an App that goes on. Any minute and any hour:
 * a count that began anew with each of them would let twice as many through around its border.
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const LIMITS = {
  minute: { most: 80, lengthMs: 60_000, slotMs: 5_000 },
  hour: { most: 500, lengthMs: 3_600_000, slotMs: 60_000 },
} as const;

/** The writes that still count, in slots of time, the oldest first. */
export interface WriteBudget {
  readonly minute: readonly Slot[];
  readonly hour: readonly Slot[];
}

interface Slot {
  /** Its beginning. A slot counts until its last moment has left the window. */
  readonly at: Millis;
  readonly writes: number;
}

type Limit = (typeof LIMITS)[keyof typeof LIMITS];

/** The budget as it stands now: what has left its window counts no more. */
export function refreshed(budget: WriteBudget | null, now: Millis): WriteBudget {
  const counting = (slots: readonly Slot[], { lengthMs, slotMs }: Limit): Slot[] =>
    slots.filter(({ at }) => at + slotMs + lengthMs > now);
  return {
    minute: counting(budget?.minute ?? [], LIMITS.minute),
    hour: counting(budget?.hour ?? [], LIMITS.hour),
  };
}

/** So many writes more; null: they would be too many. */
export function spend({ minute, hour }: WriteBudget, now: Millis, requests = 1): WriteBudget | null {
  const spent = (slots: readonly Slot[], { most, slotMs }: Limit): Slot[] | null => {
    if (total(slots) + requests > most) return null;
    const at = now - (now % slotMs);
    const last = slots.at(-1);
    return last?.at === at
      ? [...slots.slice(0, -1), { at, writes: last.writes + requests }]
      : [...slots, { at, writes: requests }];
  };
  const [inMinute, inHour] = [spent(minute, LIMITS.minute), spent(hour, LIMITS.hour)];
  return inMinute === null || inHour === null ? null : { minute: inMinute, hour: inHour };
}

/** How long until as many writes are possible. */
export function waitMs({ minute, hour }: WriteBudget, now: Millis, requests = 1): Millis {
  const wait = (slots: readonly Slot[], { most, lengthMs, slotMs }: Limit): Millis => {
    let left = total(slots);
    for (const { at, writes } of slots) {
      if (left + requests <= most) return 0;
      left -= writes;
      if (left + requests <= most) return Math.max(0, at + slotMs + lengthMs - now);
    }
    return 0;
  };
  return Math.max(wait(minute, LIMITS.minute), wait(hour, LIMITS.hour));
}

const total = (slots: readonly Slot[]): number => slots.reduce((sum, { writes }) => sum + writes, 0);
