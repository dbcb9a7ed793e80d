import type { WorldClock } from "../clock.ts";
import type { Viewer } from "./auth.ts";
import type { Json } from "./http.ts";

const LIMIT = 5000;
const HOUR_MS = 60 * 60 * 1000;

/** GitHub's primary rate limit: requests an hour for each caller. A 304 costs nothing. */
export interface RateLimits {
  spend(viewer: Viewer): void;
  /** Seconds until the next hour begins, once an installation has used up this one; users of this machine are not held up. */
  exhausted(viewer: Viewer): number | null;
  headers(viewer: Viewer): Record<string, string>;
  overview(viewer: Viewer): Json;
}

export function createRateLimits(clock: WorldClock): RateLimits {
  const windows = new Map<string, { used: number; endsMs: number }>();
  const windowOf = (viewer: Viewer): { used: number; endsMs: number } => {
    const key =
      viewer.kind === "user"
        ? viewer.login
        : viewer.kind === "installation"
          ? `installation ${viewer.token.installationId}`
          : viewer.kind;
    const now = clock.nowMs();
    const open = windows.get(key);
    const current = open !== undefined && open.endsMs > now ? open : { used: 0, endsMs: now + HOUR_MS };
    windows.set(key, current);
    return current;
  };
  const numbers = (viewer: Viewer): { limit: number; used: number; remaining: number; reset: number } => {
    const { used, endsMs } = windowOf(viewer);
    return { limit: LIMIT, used, remaining: Math.max(LIMIT - used, 0), reset: Math.ceil(endsMs / 1000) };
  };
  return {
    spend(viewer) {
      windowOf(viewer).used += 1;
    },
    exhausted(viewer) {
      const { used, endsMs } = windowOf(viewer);
      return viewer.kind === "installation" && used >= LIMIT ? Math.ceil((endsMs - clock.nowMs()) / 1000) : null;
    },
    headers: (viewer) =>
      Object.fromEntries(
        [...Object.entries(numbers(viewer)), ["resource", "core"]].map(([name, value]) => [
          `x-ratelimit-${name}`,
          String(value),
        ]),
      ),
    overview(viewer) {
      const core = numbers(viewer);
      return { resources: { core, search: { limit: 30, used: 0, remaining: 30, reset: core.reset } }, rate: core };
    },
  };
}
