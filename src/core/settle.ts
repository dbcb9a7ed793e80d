import { type Millis, type Revision, short, type Sha } from "./names.ts";
import type { Judgement } from "./rollout.ts";
import type { Hold, LiveRelease, Release, TargetState } from "./state.ts";

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
      return wait(
        say({ phase: rollout.step === "baking" ? "baking" : "rolling", because: judgement.because }),
        LOOK_AGAIN_MS,
      );
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
        return wait(next, Math.min(input.release.bakeMs, 10_000));
      }
      if (rollout.bakeUntil !== null && now < rollout.bakeUntil)
        return wait(say({ phase: "baking" }), Math.min(rollout.bakeUntil - now, 10_000));
      return done(healthy(input, say), "healthy");
    }
    case "superseded":
      return done(say({ rollout: null, because: judgement.because }), "superseded");
    case "drift": {
      const failed = { sha: rollout.sha, rev: rollout.rev, because: judgement.because };
      return done(say({ rollout: null, phase: "failed", because: judgement.because, failed }), "drift");
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
  const live: LiveRelease = { rev: release.rev, sha: release.sha, key: release.key, digests, healthyAt: now };
  const changed = state.live !== null && (state.live.sha !== live.sha || state.live.key !== live.key);
  const back = release.kind === "rollback";
  return say({
    rollout: null,
    live,
    // After a rollback the release before the restored one is not known to be good any more than the failed one: keep none.
    previous: back ? null : changed ? state.live : state.previous,
    url: release.url,
    phase: back && state.failed ? "failed" : "live",
    because: back ? backAgain(state, release.sha) : `${short(release.sha)} is live`,
    ...(back ? {} : { failed: null, report: null }),
  });
}

const backAgain = (state: TargetState, sha: Sha): string =>
  state.failed === null
    ? `rolled back to ${short(sha)}`
    : `${state.failed.because} Rolled back to ${short(sha)}, which serves.`;

function failed(
  { state, release, diagnosis, rollback, now }: SettleInput,
  { because: judged }: Extract<Judgement, { kind: "failed" }>,
  say: (change: Partial<TargetState>) => TargetState,
): Settled {
  const because = ended(diagnosis?.headline ?? judged);
  const record = { sha: release.sha, rev: release.rev, because };
  const report =
    diagnosis === null ? state.report : { sha: release.sha, title: diagnosis.headline, text: diagnosis.text };
  if (release.kind === "rollback") {
    const worse = `The rollback to ${short(release.sha)} failed as well: ${because} A person has to look now.`;
    return done(
      say({ rollout: null, phase: "failed", because: worse, report, failed: state.failed ?? record }),
      "failed",
    );
  }
  const hold: Hold = { sha: release.sha, upTo: null, by: "proa", because, at: now };
  const holds = state.target.kind === "env" ? [hold] : [];
  // Its Deployment on GitHub says `failure` for good: it never was active, so nothing has to be made inactive later.
  const shown = state.shown.filter((rev) => rev !== release.rev);
  const base = { rollout: null, phase: "failed", failed: record, report, shown } as const;
  const back = state.live;
  if (rollback && back !== null) {
    const next = {
      ...state,
      ...base,
      phase: "rolling",
      because: `${because} Rolling back to ${short(back.sha)}.`,
    } as const;
    return { next, wakeInMs: 0, holds, follow: { kind: "rollback", to: back.rev } };
  }
  const serves = back === null ? "" : ` ${short(back.sha)} still serves.`;
  return { ...done(say({ ...base, because: because + serves }), "failed"), holds };
}

const wait = (next: TargetState, wakeInMs: Millis): Settled => ({ next, wakeInMs, holds: [], follow: { kind: "wait" } });

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
