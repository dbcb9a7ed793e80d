import type { EnvironmentConfig, RepoConfig } from "./config.ts";
import { type Decision, type DeployPlan, releaseKey } from "./decision.ts";
import { applyCommands, type Ordered } from "./environment-commands.ts";
import type { Candidate, EnvironmentSeen } from "./environment-seen.ts";
import { type Millis, type Sha, short } from "./names.ts";
import { gated, LAG_BELIEVED_AFTER, missingImages, unended } from "./preview.ts";
import { failedText, type ReleasedService, type TargetState } from "./state.ts";

/** Commits of a busy branch whose status is still pending. */
const MOST_OPEN = 50;
const POLL = { lag: 2_000, unknown: 60_000, nothing: 30 * 60_000, person: 30 * 60_000 } as const;

/**
 * What to do about an environment. Commands first; then: a rollout in progress is watched unless something newer is ready;
 * only commits ahead of the live one are considered, newest first, and the newest *that is ready* is taken, so that a busy
 * branch does not starve; a held or failed commit is passed over; an approval is bound to the digests it was given for.
 */
export function decideEnvironment(seen: EnvironmentSeen): Decision {
  const ordered = applyCommands(seen);
  const at: EnvironmentSeen = { ...seen, state: { ...ordered.state, expecting: null }, holds: ordered.holds };
  const decision = {
    ...expectant(at, decide(at, ordered)),
    applied: ordered.answers,
    holds: { put: ordered.put, remove: ordered.remove },
  };
  return decision.act.kind === "none" && decision.next.rollout !== null
    ? { ...decision, act: { kind: "observe" } }
    : decision;
}

/** GitHub is not read-your-writes: where nothing else is to do, the tip that an event named is looked for until GitHub shows it. */
function expectant({ hinted, source, state, now }: EnvironmentSeen, decision: Decision): Decision {
  const shown = source.kind === "candidates" ? source.tip : null;
  const late = hinted !== null && shown !== null && shown !== hinted.sha && shown === state.wanted?.sha;
  const idle = decision.act.kind === "none" && decision.next.rollout === null;
  if (!late || !idle || now - hinted.at >= LAG_BELIEVED_AFTER) return decision;
  return {
    ...decision,
    next: { ...decision.next, expecting: hinted },
    wakeInMs: Math.min(decision.wakeInMs ?? POLL.lag, POLL.lag),
  };
}

function decide(seen: EnvironmentSeen, ordered: Ordered): Decision {
  const { state, config, env, source } = seen;
  if (!seen.repositoryActive) return rest(seen, { phase: "blocked", because: "the installation is suspended" }, null);
  if (ordered.rollback !== null) return deploy(seen, ordered.rollback);
  if ("problems" in config) {
    const [first] = config.problems;
    // GitHub did not show the repository: not a word about any commit follows from that.
    if (first === undefined) return rest(seen, {}, POLL.unknown);
    const because = `.proa.yml line ${first.line}: ${first.message}`;
    const { state: known } = config.sha === null ? seen : wanting(seen, config.sha);
    return rest(seen, { ...known, phase: "blocked", because, problems: config.problems }, POLL.person);
  }
  if (env === null)
    return rest(
      seen,
      { phase: "idle", because: ".proa.yml no longer has this environment; what runs is left alone" },
      null,
    );
  const placed = { ...seen, state: { ...state, depth: depthOf(env, config.config) } };
  if (source.kind === "nothing")
    return rest(placed, { phase: state.live ? state.phase : "idle", because: source.because }, POLL.nothing);

  // What is older than the live release is in it: nothing is wanted but what is there.
  const older = source.relation === "behind" && !ordered.force ? state.live : null;
  const known = wanting(placed, older?.sha ?? source.tip);
  if (state.rollout === null && source.relation === "identical") return live(known);
  if (state.rollout !== null && source.relation === "identical") return rest(known, {}, null);
  if (older !== null) {
    const because = `${older.because}; ${short(source.tip)} is older: comment /deploy ${env.name} to go back to it`;
    return rest(known, state.rollout === null ? { phase: "live", because } : {}, null);
  }
  if (source.relation === "diverged" && !ordered.force) {
    const because = `${short(source.tip)} does not contain ${short(state.live?.sha ?? "")}, which is live: comment /deploy ${env.name} to go there anyway`;
    return rest(known, state.rollout === null ? { phase: "waiting", because } : {}, POLL.person);
  }
  if (seen.namespaceProblem !== null)
    return rest(known, { phase: "blocked", because: seen.namespaceProblem }, POLL.person);
  return newestReady(known, env, source.candidates, ordered.force);
}

/** The parser refuses environments that follow each other in a circle. */
function depthOf({ from }: EnvironmentConfig, config: RepoConfig): number {
  if (from.kind === "branch") return 0;
  const before = config.environments.find(({ name }) => name === from.environment);
  return before === undefined ? 0 : 1 + depthOf(before, config);
}

/** What the environment should come to. A commit that it replaces keeps its place among those that are still pending. */
function wanting(seen: EnvironmentSeen, sha: Sha): EnvironmentSeen {
  const { state, now } = seen;
  if (state.wanted?.sha === sha) return { ...seen, state: { ...state, problems: [] } };
  const fresh = {
    wanted: { sha, since: now },
    open: unended(state, MOST_OPEN),
    problems: [],
    report: null,
    awaiting: null,
  };
  return { ...seen, state: { ...state, ...fresh } };
}

/** Newest first: the first that may go goes. What stopped the newest is what people are told. */
function newestReady(
  seen: EnvironmentSeen,
  env: EnvironmentConfig,
  candidates: readonly Candidate[],
  force: boolean,
): Decision {
  const { state } = seen;
  let told: Decision | null = null;
  for (const [index, candidate] of candidates.entries()) {
    if (candidate.sha === state.rollout?.sha && state.rollout.kind === "deploy") {
      // What rolls now is the newest that is ready; anything newer is still waiting, and said so.
      return told === null
        ? { ...rest(seen, {}, null), act: { kind: "observe" } }
        : { ...told, act: { kind: "observe" } };
    }
    const stop = force
      ? stopped(seen, env, candidate)
      : (refused(seen, env, candidates, index) ?? stopped(seen, env, candidate));
    if (stop === null) {
      const plan = planOf(candidate, `deploying ${short(candidate.sha)}`);
      const decision = deploy(seen, plan);
      if (told === null) return decision;
      // The newest is still awaited, and what it waits for stays the reason that is shown.
      const { phase, because } = told.next;
      return { ...decision, next: { ...decision.next, phase, because }, awaitedImages: told.awaitedImages };
    }
    told ??= stop;
  }
  return told ?? rest(seen, { phase: "waiting", because: "nothing newer is ready" }, POLL.nothing);
}

/** Held, or failed here before: only a newer commit or a person moves on. null: neither. */
function refused(
  seen: EnvironmentSeen,
  env: EnvironmentConfig,
  candidates: readonly Candidate[],
  index: number,
): Decision | null {
  const { state, holds } = seen;
  const candidate = candidates[index];
  if (candidate === undefined) return null;
  if (state.failed?.sha === candidate.sha) {
    return rest(seen, { phase: "failed", because: failedText(state.failed) }, POLL.person);
  }
  const held = holds.find(
    ({ sha, upTo }) => sha === candidate.sha || (upTo !== null && atOrBelow(candidates, upTo, index)),
  );
  if (held === undefined) return null;
  const why = held.because.replace(/\.$/, "");
  const because = `${short(candidate.sha)} is on hold (${why}): a newer commit, or /release-hold ${env.name}, moves on`;
  return rest(seen, { phase: "blocked", because }, POLL.person);
}

/** Candidates are newest first: what stands at or behind `upTo` was there when the hold was set. */
function atOrBelow(candidates: readonly Candidate[], upTo: Sha, index: number): boolean {
  const at = candidates.findIndex(({ sha }) => sha === upTo);
  return at !== -1 && index >= at;
}

/** Why this candidate is not ready, or not approved; null: it may go. */
function stopped(seen: EnvironmentSeen, env: EnvironmentConfig, candidate: Candidate): Decision | null {
  const { state, now } = seen;
  const gate = gated(candidate.verdict, now);
  if (gate !== null) return rest(seen, gate.change, gate.wakeInMs);
  const missing = missingImages({ images: candidate.images, now }, state.wanted?.since ?? now);
  if (missing !== null) {
    const awaitedImages = candidate.images
      .filter(({ found }) => found.kind === "absent")
      .map(({ image, tag }) => ({ image, tag }));
    return { ...rest(seen, missing.change, missing.wakeInMs), awaitedImages };
  }
  if (env.approve === null) return null;
  const key = releaseKey(servicesOf(candidate));
  if (state.approved?.key === key) return null;
  const since = state.awaiting?.key === key ? state.awaiting.since : now;
  const who =
    env.approve.permission === "write"
      ? "someone with write permission"
      : `someone with ${env.approve.permission} permission`;
  const but = env.approve.notAuthor ? " who did not write it" : "";
  const because = `${short(candidate.sha)} waits for an approval by ${who}${but}: /approve ${env.name}`;
  return rest(
    seen,
    { phase: "waiting", because, awaiting: { sha: candidate.sha, key, since }, pulls: told(state, candidate.pulls) },
    POLL.person,
  );
}

/** What is wanted is live. A failed promotion of something newer is still said until something newer comes. */
function live(seen: EnvironmentSeen): Decision {
  const { state } = seen;
  if (state.failed !== null && state.failed.sha === state.wanted?.sha)
    return rest(seen, { phase: "failed", because: failedText(state.failed) }, null);
  return rest(seen, { phase: "live", because: state.live?.because ?? "", awaiting: null }, null);
}

const servicesOf = (candidate: Candidate): ReleasedService[] =>
  candidate.images.flatMap(({ service, image, found }) =>
    found.kind === "digest" ? [{ name: service, image, digest: found.digest }] : [],
  );

function planOf(candidate: Candidate, because: string): DeployPlan {
  const [actor = ""] = candidate.authors;
  return {
    kind: "deploy",
    sha: candidate.sha,
    services: servicesOf(candidate),
    patch: [],
    actor,
    pulls: candidate.pulls,
    because,
    of: null,
  };
}

function deploy(seen: EnvironmentSeen, plan: DeployPlan): Decision {
  const { state } = seen;
  const pulls = plan.kind === "rollback" ? state.pulls : told(state, plan.pulls);
  const change = { phase: "rolling", because: plan.because, awaiting: null, pulls } as const;
  return {
    ...rest(seen, plan.kind === "rollback" ? change : { ...change, failed: null, report: null }, null),
    act: { kind: "deploy", plan },
  };
}

/** Whose comments tell of the newest release: its own, and those of a release before it that never came to be live. */
function told({ rollout, failed, pulls }: TargetState, own: readonly number[]): number[] {
  return [...new Set([...(rollout === null && failed === null ? [] : pulls), ...own])].slice(-MOST_OPEN);
}

function rest(seen: EnvironmentSeen, change: Partial<TargetState>, wakeInMs: Millis | null): Decision {
  return {
    next: { ...seen.state, ...change },
    act: { kind: "none" },
    wakeInMs,
    holds: { put: [], remove: [] },
    applied: [],
    awaitedImages: [],
    slot: "keep",
  };
}
