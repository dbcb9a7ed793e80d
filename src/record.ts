import { type KnownTarget, MOST_COMMANDS, type Save } from "./adapters/store.ts";
import { hash, stable } from "./core/hash.ts";
import type { Millis } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import { outstanding, type Surface, surfaces } from "./core/words.ts";
import type { Effects } from "./effects.ts";

/** SQS delays a message by at most this; a later wake is the overdue sweep's. */
const LONGEST_TICK_MS = 15 * 60_000;

/** More news at once than a transaction has room for are told one after the other, this soon. */
const MOST_NEWS = 25;
const SOON_MS = 1_000;

/** A comment on something that is under way is read by nobody within seconds, and each of its versions is a write. */
const PASSING_COMMENT_MS = 4_000;

const patience = ({ kind }: Surface, { phase }: TargetState): Millis =>
  kind === "comment" && (phase === "waiting" || phase === "rolling" || phase === "baking") ? PASSING_COMMENT_MS : 0;

/** A target's record as it was read or written, for the next write to be conditioned on. */
export type Known = KnownTarget & { readonly state: TargetState };

/** Another worker wrote the target first: whatever we were about to do, it looks at the same world and does it. */
export class Conflict extends Error {
  override readonly name = "Conflict";
}

type RecordEffects = Pick<Effects, "clock" | "store" | "queue" | "recent">;

/**
 * One transaction: the record, its wake, and what GitHub should show where that changed. Then the wake-up calls, which a crash
 * may lose: the overdue sweep finds both a due target and a due outbox.
 * @throws Conflict when the record is not the one that was read
 */
export async function record(
  known: KnownTarget,
  next: TargetState,
  wakeInMs: Millis | null,
  fx: RecordEffects,
  extra: Omit<Save, "known" | "next" | "surfaces"> = {},
): Promise<Known> {
  const { saved, wakeUp } = await claim(known, next, wakeInMs, fx, extra);
  await wakeUp();
  return saved;
}

/** As `record`, with the wake-up calls left to the caller: they need not be over before what was claimed is done. */
export async function claim(
  known: KnownTarget,
  next: TargetState,
  asked: Millis | null,
  fx: RecordEffects,
  extra: Omit<Save, "known" | "next" | "surfaces"> = {},
): Promise<{ readonly saved: Known; readonly wakeUp: () => Promise<void> }> {
  const now = fx.clock.now();
  const { news, told, isAll } = newsOf(next, now);
  const isMore = !isAll || extra.applied?.length === MOST_COMMANDS;
  const wakeInMs = isMore ? Math.min(asked ?? SOON_MS, SOON_MS) : asked;
  const wakes = wakeInMs === null ? next.wakes : next.wakes + 1;
  const wake = wakeInMs === null ? null : { n: wakes, dueAt: now + wakeInMs };
  // What is not told yet is not over.
  const state: TargetState = { ...next, ...(isAll ? outstanding(next) : {}), wake, wakes, told };

  const written = await fx.store.save({ ...extra, known, next: state, surfaces: news });
  if (written.kind === "conflict") throw new Conflict();
  const saved = { ...written.known, state };
  fx.recent.knew(saved);
  return {
    saved,
    async wakeUp() {
      const delays = new Set(news.map(({ notBefore }) => notBefore - now));
      await Promise.all([
        ...(wake !== null && wakeInMs !== null && wakeInMs <= LONGEST_TICK_MS
          ? [fx.queue.tick(state.target, wake.n, wakeInMs)]
          : []),
        ...[...delays].map((delay) => fx.queue.report(state.installation, delay)),
      ]);
    },
  };
}

/** What GitHub should show and does not: as much of it as is told at once, and what has been told then. */
function newsOf(next: TargetState, now: Millis): Told {
  const hashes = surfaces(next).map((surface) => ({ surface, hash: hash(stable(surface)) }));
  const untold = hashes.filter(({ surface: { key }, hash: shown }) => shown !== next.told[key]);
  const later = new Set(untold.slice(MOST_NEWS).map(({ surface }) => surface.key));
  return {
    news: untold.slice(0, MOST_NEWS).map(({ surface }) => ({ surface, notBefore: now + patience(surface, next) })),
    told: Object.fromEntries(
      hashes.map(({ surface: { key }, hash: shown }) => [key, later.has(key) ? (next.told[key] ?? "") : shown]),
    ),
    isAll: later.size === 0,
  };
}

interface Told {
  readonly news: Save["surfaces"];
  readonly told: TargetState["told"];
  /** Nothing is left to be told. */
  readonly isAll: boolean;
}
