import { type Millis, type Revision, short } from "./names.ts";
import type { Judgement } from "./rollout.ts";
import { failedText, type Failure, type Hold, type LiveRelease, type Release, type TargetState } from "./state.ts";

/** How a watched rollout moves the record on. `follow`: what the walk does after writing it. */
export interface Settled {
  readonly next: TargetState;
  readonly wakeInMs: Millis;
  readonly holds: readonly Hold[];
  readonly follow:
    | { readonly kind: "wait" }
    /** Final: the targets that follow this one look again, and so does this one if it wants something newer. */
    | { readonly kind: "done"; readonly outcome: Outcome }
    /** Put the earlier release back: the hold is in the same write as the failure, so nothing promotes the commit again. */
    | { readonly kind: "rollback"; readonly to: Revision };
}

export type Outcome = "healthy" | "failed" | "superseded" | "drift";

export interface SettleInput {
  readonly state: TargetState;
  readonly release: Release;
  readonly judgement: Judgement;
  readonly restarts: Readonly<Record<string, number>>;
  readonly rollback: boolean;
  readonly diagnosis: { readonly headline: string; readonly text: string } | null;
  readonly now: Millis;
}

const LOOK_AGAIN_MS = 2_000;
const PERSON_MS = 60_000;

/** From a judgement to the next record. Pure; the judgement itself is made in `rollout.ts`. */
export function settle(input: SettleInput): Settled {
  const { state, judgement, now } = input;
  const { rollout } = state;
  if (rollout === null) return { next: state, wakeInMs: LOOK_AGAIN_MS, holds: [], follow: { kind: "wait" } };
  // While an older commit rolls, the reason shown is the one of the commit that is wanted.
  const own = state.wanted === null || state.wanted.sha === rollout.sha || rollout.kind === "rollback";
  const say = (change: Partial<TargetState>): TargetState =>
    own ? { ...state, ...change } : { ...state, ...change, phase: state.phase, because: state.because };

  switch (judgement.kind) {
    case "progressing":
      return rollout.bakeUntil === null
        ? wait(say({ phase: "rolling", because: judgement.because }), LOOK_AGAIN_MS)
        : wait(say({ phase: "baking", because: judgement.because }), untilBaked(rollout.bakeUntil, now));
    case "empty":
    case "blocked":
      return wait(say({ phase: "waiting", because: judgement.because }), PERSON_MS);
    case "healthy": {
      if (rollout.step !== "baking" && input.release.bakeMs > 0) {
        const bakeUntil = now + input.release.bakeMs;
        const because = `${short(rollout.sha)} is healthy; watching it for ${seconds(input.release.bakeMs)} more`;
        const next = say({
          phase: "baking",
          because,
          rollout: { ...rollout, step: "baking", bakeUntil, restarts: input.restarts },
        });
        return wait(next, untilBaked(bakeUntil, now));
      }
      if (rollout.bakeUntil !== null && now < rollout.bakeUntil) {
        return wait(say({ phase: "baking" }), untilBaked(rollout.bakeUntil, now));
      }
      return done(healthy(input, say), "healthy");
    }
    case "superseded":
      return done(say({ rollout: null, because: judgement.because }), "superseded");
    case "drift": {
      // Somebody's hand is in it: what serves now is not for us to say.
      const failed: Failure = { sha: rollout.sha, rev: rollout.rev, because: ended(judgement.because), serves: "" };
      return done(say({ rollout: null, phase: "failed", because: failedText(failed), failed }), "drift");
    }
    case "failed":
      return failed(input, judgement, say);
  }
}

function healthy(
  { state, release, now }: SettleInput,
  say: (change: Partial<TargetState>) => TargetState,
): TargetState {
  const digests = Object.fromEntries(release.services.map(({ name, digest }) => [name, digest]));
  const { rev, sha, key } = release;
  const back = release.kind === "rollback";
  const because = back ? `rolled back to ${short(sha)} by ${by(release.actor)}` : `${short(sha)} is live`;
  const live: LiveRelease = { rev, sha, key, digests, healthyAt: now, because };
  const changed = state.live !== null && (state.live.sha !== sha || state.live.key !== key);
  // After a rollback the release before the restored one is not known to be good any more than the failed one: keep none.
  const previous = back ? null : changed ? state.live : state.previous;
  const base = { rollout: null, live, previous, url: release.url } as const;
  if (!back) return say({ ...base, phase: "live", because, failed: null, report: null });
  if (state.failed === null) return say({ ...base, phase: "live", because });
  const failed = { ...state.failed, serves: `Rolled back to ${short(sha)}, which serves.` };
  return say({ ...base, phase: "failed", because: failedText(failed), failed });
}

const by = (actor: string): string => (actor === "proa" ? "Proa" : `@${actor}`);

function failed(
  { state, release, diagnosis, rollback, now }: SettleInput,
  { because: judged }: Extract<Judgement, { kind: "failed" }>,
  say: (change: Partial<TargetState>) => TargetState,
): Settled {
  const because = ended(diagnosis?.headline ?? judged);
  const report =
    diagnosis === null ? state.report : { sha: release.sha, title: diagnosis.headline, text: diagnosis.text };
  if (release.kind === "rollback") return done(say(stranded(state, release, because)), "failed");
  const back = state.live;
  const serves = back === null ? "" : `${short(back.sha)} still serves.`;
  const record: Failure = { sha: release.sha, rev: release.rev, because, serves };
  const hold: Hold = { sha: release.sha, upTo: null, by: "proa", because, at: now };
  const holds = state.target.kind === "env" ? [hold] : [];
  const base = { rollout: null, phase: "failed", failed: record, report } as const;
  if (rollback && back !== null) {
    const next = {
      ...state,
      ...base,
      phase: "rolling",
      because: `${because} Rolling back to ${short(back.sha)}.`,
    } as const;
    return { next, wakeInMs: 0, holds, follow: { kind: "rollback", to: back.rev } };
  }
  return { ...done(say({ ...base, because: failedText(record) }), "failed"), holds };
}

/** The way back failed too. The report stays the first failure's: that is what has to be mended. */
function stranded({ failed, report }: TargetState, { rev, sha }: Release, because: string): Partial<TargetState> {
  const both: Failure = {
    sha: failed?.sha ?? sha,
    rev,
    because: `The rollback to ${short(sha)} failed${failed === null ? "" : " as well"}: ${because}`,
    serves: "A person has to look now.",
  };
  return { rollout: null, phase: "failed", because: failedText(both), failed: both, report };
}

/** Looked at now and then: a restart or a lost pod shows as well ten seconds later. */
const untilBaked = (bakeUntil: Millis, now: Millis): Millis => Math.max(0, Math.min(bakeUntil - now, 10_000));

const wait = (next: TargetState, wakeInMs: Millis): Settled => ({
  next,
  wakeInMs,
  holds: [],
  follow: { kind: "wait" },
});

function done(next: TargetState, outcome: Outcome): Settled {
  return {
    next,
    wakeInMs:
      next.wanted !== null && next.wanted.sha !== next.live?.sha && next.failed?.sha !== next.wanted.sha
        ? 0
        : PERSON_MS,
    holds: [],
    follow: { kind: "done", outcome },
  };
}

const ended = (sentence: string): string => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);

export const seconds = (ms: Millis): string =>
  ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
