import type { Millis } from "./names.ts";

/**
 * GitHub allows 80 content-creating requests a minute and 500 an hour per installation, and may ban an App that goes on.
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
 */
const PER_MINUTE = 80;
const PER_HOUR = 500;

export interface WriteBudget {
  readonly minute: Window;
  readonly hour: Window;
}

interface Window {
  readonly left: number;
  /** Start of the window. */
  readonly at: Millis;
}

/** The budget as it stands now: windows that are over begin again, full. */
export function refreshed(budget: WriteBudget | null, now: Millis): WriteBudget {
  const window = (seen: Window | undefined, size: number, lengthMs: Millis): Window =>
    seen === undefined || now - seen.at >= lengthMs ? { left: size, at: now } : seen;
  return { minute: window(budget?.minute, PER_MINUTE, 60_000), hour: window(budget?.hour, PER_HOUR, 3_600_000) };
}

/** So many writes fewer; null: not as many are left. */
export function spend({ minute, hour }: WriteBudget, requests = 1): WriteBudget | null {
  if (minute.left < requests || hour.left < requests) return null;
  return { minute: { ...minute, left: minute.left - requests }, hour: { ...hour, left: hour.left - requests } };
}

/** How long until as many writes are possible again. */
export function waitMs({ minute, hour }: WriteBudget, now: Millis, requests = 1): Millis {
  if (hour.left < requests) return Math.max(0, hour.at + 3_600_000 - now);
  return minute.left < requests ? Math.max(0, minute.at + 60_000 - now) : 0;
}
