import { restoreAccess } from "./access.ts";
import type { KnownTarget } from "./adapters/store.ts";
import { NewerRecord } from "./adapters/store-format.ts";
import type { RepoConfig } from "./core/config.ts";
import type { Decision } from "./core/decision.ts";
import { decideEnvironment } from "./core/environment.ts";
import { commandId } from "./core/event-command.ts";
import type { CommandMessage, LookMessage, TickMessage } from "./core/message.ts";
import { type Millis, type Sha, type Target, targetId, topicId } from "./core/names.ts";
import { decidePreview } from "./core/preview.ts";
import { OutsideError, type Problem } from "./core/problem.ts";
import { missingRightText } from "./core/rights.ts";
import { newTarget, type TargetState } from "./core/state.ts";
import { deploy, type DeployContext, FIRST_LOOK_MS, resume, watch } from "./deploy.ts";
import type { Effects } from "./effects.ts";
import { type EnvironmentTarget, gatherEnvironment } from "./gather-environment.ts";
import { gatherPreview, type PreviewReading, type PreviewTarget, readPreview } from "./gather-preview.ts";
import { look, lookNextInQueue } from "./look.ts";
import { Conflict, type Known, record } from "./record.ts";
import { removePreview } from "./remove.ts";
import { rememberRepo } from "./repo.ts";
import { withSlots } from "./slots.ts";

export type TargetMessage = LookMessage | TickMessage | (CommandMessage & { readonly target: Target });

const LONGEST_BACKOFF_MS = 5 * 60_000;
/** Looks again this often when another worker wrote first; then the queue's own retry is next. */
const TRIES = 5;

/**
 * One target, one step: gather (reads only) → decide (pure) → apply → record. Every known failure of the outside is recorded
 * with a backoff and acknowledged, so a failing target never blocks its own message group; what is thrown is a bug or a
 * dead process, and the queue tries the message again. A record of a newer Proa is left as it is: its own wake and the sweeps
 * bring it back to the Proa that can read it.
 */
export async function reconcile(message: TargetMessage, fx: Effects): Promise<void> {
  try {
    await walk(message, fx);
  } catch (error) {
    if (!(error instanceof NewerRecord)) throw error;
    fx.log.error("record of a newer version", { target: targetId(message.target), detail: error.problem.detail });
  }
}

async function walk(message: TargetMessage, fx: Effects): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const reading = begin(message, fx);
    const loaded = await load(message, fx);
    if (loaded === null) return;
    try {
      return await step(message, { ...loaded, reading }, fx);
    } catch (error) {
      // A second worker on this target has done the work: then the message is old now. A worker on another target took a slot: then
      // nobody does this target's work but we.
      if (!(error instanceof Conflict) || attempt === TRIES) {
        if (!(error instanceof OutsideError)) throw error;
        return recordFailure(message, error, fx);
      }
      fx.log.info("another worker was faster", { target: targetId(message.target), attempt });
    }
  }
}

/** What a step starts from. */
interface Loaded {
  readonly known: Known;
  /** The App may still act on the repository. */
  readonly active: boolean;
}

/** The record with its commands; null: nothing to do for this message. */
async function load(message: TargetMessage, fx: Effects): Promise<Loaded | null> {
  const { target } = message;
  const { repoId } = target;
  if (message.kind === "command") await fx.store.putCommand(target, commandId(message), message.command);
  const [known, meta] = await Promise.all([
    fx.store.load(target),
    message.kind === "tick"
      ? fx.store.repo(repoId)
      : rememberRepo({ id: repoId, name: message.repo, installation: message.installation }, fx),
  ]);
  const state = stateFor(message, known);
  if (state === null) return null;
  // A tick brings no name, and the record's may be one of former days: another repository's by now.
  const { installation, repo } = meta === null ? state : { installation: meta.installation, repo: meta.name };
  const loaded = { known: { ...known, state: { ...state, installation, repo } }, active: meta?.active ?? true };
  if (known.commands.length > 0) return loaded;
  const stale = message.kind === "tick" ? message.n !== state.wake?.n : isOld(message, state);
  return stale ? null : loaded;
}

/**
 * A pull request that this process knows is read while its record is: nobody has to wait for one after the other. Should the record
 * have changed since, what was read is left aside.
 */
function begin(message: TargetMessage, fx: Effects): PreviewReading | null {
  const { target } = message;
  if (message.kind !== "look" || target.kind !== "preview") return null;
  const recent = fx.recent.of(target);
  if (recent === null) return null;
  const { known, config } = recent;
  const { installation, repo } = known.state;
  if (installation !== message.installation || repo !== message.repo || isOld(message, known.state)) return null;
  return readPreview(target, { known, hinted: hintOf(message, known.state)?.sha ?? null, config }, fx);
}

/** A target's first message makes its record; a tick only ever follows one. */
const stateFor = (message: TargetMessage, { state }: KnownTarget): TargetState | null =>
  state ?? (message.kind === "tick" ? null : newTarget(message.target, message.installation, message.repo));

/** The world was read after this event happened, and what the event spoke of was seen: reading again would show the same. */
function isOld(message: Exclude<TargetMessage, TickMessage>, state: TargetState): boolean {
  const spokeOf = message.kind === "look" ? message.sha : null;
  return message.receivedAt < state.gatheredAt && (spokeOf === null || spokeOf === state.seen?.head);
}

async function step(message: TargetMessage, from: Loaded & Begun, fx: Effects): Promise<void> {
  const { known } = from;
  const { state } = known;
  if (state.phase === "removing" && state.tombstone !== null && message.kind === "tick")
    return removePreview(known, fx);
  // While a newer head is expected, the pull request is read with every look.
  if (state.rollout !== null && !state.expecting && message.kind === "tick") {
    if (state.rollout.step === "applying") return resume(known, fx);
    return watch(known, null, fx);
  }
  const { target } = message;
  return target.kind === "preview"
    ? stepPreview(message, target, from, fx)
    : stepEnvironment(message, target, from, fx);
}

interface Begun {
  readonly reading: PreviewReading | null;
}

async function stepPreview(
  message: TargetMessage,
  target: PreviewTarget,
  { known, active, reading }: Loaded & Begun,
  fx: Effects,
): Promise<void> {
  const { sha: hinted, at: hintedAt } = hintOf(message, known.state) ?? { sha: null, at: 0 };
  const gathered = await gatherPreview(target, { known, hinted, hintedAt, active, reading }, fx);
  const decision = decidePreview(gathered.seen);
  const { config } = gathered.seen;
  if ("config" in config) fx.recent.configured(target, config.config);
  const found = "config" in config ? config.config : null;
  const { slot } = gathered.seen;
  const cap = found?.previews.cap ?? Number.POSITIVE_INFINITY;
  await withSlots(
    { target, known, read: gathered.slots, slot, cap },
    decision.slot,
    async (slots) =>
      perform(decision, known, fx, {
        began: gathered.began,
        config: found,
        env: null,
        workloads: gathered.workloads,
        ledger: gathered.seen.images,
        ...(slots === null ? {} : { slots }),
      }),
    fx,
  );
}

/** The commit that GitHub should show by now: the message's own, or the one that is still looked for. */
const hintOf = (message: TargetMessage, { expecting }: TargetState): TargetState["expecting"] =>
  message.kind === "look" && message.sha !== null ? { sha: message.sha, at: message.receivedAt } : expecting;

async function stepEnvironment(
  message: TargetMessage,
  target: EnvironmentTarget,
  { known, active }: Loaded,
  fx: Effects,
): Promise<void> {
  const began = fx.clock.now();
  const hinted = hintOf(message, known.state);
  const seen = await gatherEnvironment(target, { state: known.state, known, hinted, active }, fx);
  const decision = decideEnvironment(seen);
  const candidates = seen.source.kind === "candidates" ? seen.source.candidates : [];
  await perform(decision, known, fx, {
    began,
    config: "config" in seen.config ? seen.config.config : null,
    env: seen.env,
    workloads: null,
    ledger: candidates.flatMap(({ images }) => images),
  });
  if ("config" in seen.config) await tellFollowers(target, known.state, seen.config.config, fx);
}

/** Environments that take their releases from this one and have not looked since it changed: whoever should have told them died first. */
async function tellFollowers(
  { repoId, environment }: EnvironmentTarget,
  { live, rollout, installation, repo }: TargetState,
  { environments }: RepoConfig,
  fx: Effects,
): Promise<void> {
  if (live === null || rollout !== null) return;
  for (const { name, from } of environments) {
    if (from.kind !== "environment" || from.environment !== environment) continue;
    const follower: Target = { kind: "env", repoId, environment: name };
    const { state } = await fx.store.load(follower);
    if (state !== null && state.gatheredAt >= live.healthyAt) continue;
    await look(follower, { installation, repo, because: `${environment} is at ${live.sha}` }, fx);
  }
}

interface Context extends Omit<DeployContext, "extra"> {
  /** Before the first read: an event that came later may tell of something that was read too early. */
  readonly began: Millis;
  readonly ledger: Parameters<typeof decidePreview>[0]["images"];
  readonly slots?: Parameters<Effects["store"]["save"]>[0]["slots"] & object;
}

/** Writes the decision down, then does it. */
async function perform(decision: Decision, known: Known, fx: Effects, context: Context): Promise<void> {
  const next: TargetState = { ...decision.next, gatheredAt: context.began, failures: 0 };
  const extra = {
    applied: decision.applied.map(({ id, at }) => ({ id, at })),
    holds: decision.holds,
    waiting: waiting(known.state, next, decision),
    digests: context.ledger.flatMap(({ image, tag, found }) =>
      found.kind === "digest" && tag !== "" ? [{ image, tag, digest: found.digest }] : [],
    ),
    ...(context.slots ? { slots: context.slots } : {}),
  };
  switch (decision.act.kind) {
    case "none": {
      await record(known, next, decision.wakeInMs, fx, extra);
      if (context.slots && decision.slot === "leave") await lookNextInQueue(context.slots.queue, next, fx);
      return;
    }
    case "observe": {
      // The rollout's own next look stays due; only what this gather learned is written.
      const saved = await record(known, next, FIRST_LOOK_MS, fx, extra);
      if (saved.state.rollout?.step === "applying") await resume(saved, fx);
      return;
    }
    case "remove": {
      const saved = await record(known, next, decision.wakeInMs, fx, extra);
      return removePreview(saved, fx);
    }
    case "deploy":
      return deploy(decision.act.plan, { ...known, state: next }, fx, { ...context, extra });
  }
}

/** Who waits for the wanted commit and for images: a check or a push that names only those finds this target by them. */
function waiting(before: TargetState, next: TargetState, decision: Decision): { on: string[]; off: string[] } {
  const { repoId } = next.target;
  const commit = (sha: Sha) => topicId({ kind: "commit", repoId, sha });
  const on = [
    ...(next.wanted === null ? [] : [commit(next.wanted.sha)]),
    ...decision.awaitedImages.map(({ image, tag }) =>
      topicId({ kind: "image", repository: image.slice(image.indexOf("/") + 1), tag }),
    ),
  ];
  const off = before.wanted !== null && before.wanted.sha !== next.wanted?.sha ? [commit(before.wanted.sha)] : [];
  return { on, off };
}

/** The outside failed: say so in the record, come back later, and later still the next time. */
async function recordFailure(message: TargetMessage, error: OutsideError, fx: Effects): Promise<void> {
  const known = await fx.store.load(message.target);
  const state = stateFor(message, known);
  if (state === null) return;
  const failures = state.failures + 1;
  const problem = await restoreAccess(error.problem, state, fx);
  const backoff = Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(failures, 9));
  const wakeInMs = Math.max(backoff, problem.retryAfterMs ?? 0);
  fx.log.warn("walk failed, will look again", {
    target: targetId(message.target),
    code: problem.code,
    detail: problem.detail,
    failures,
    wakeInMs,
  });
  try {
    await record(known, { ...state, ...toldOf(problem, state, failures), failures }, wakeInMs, fx);
  } catch (conflict) {
    if (!(conflict instanceof Conflict)) throw conflict;
  }
}

/** No time brings a right that is missing, so people are told; from the second time on, since a new one is in force a moment late. */
function toldOf({ missing, advice }: Problem, { target, phase }: TargetState, failures: number): Partial<TargetState> {
  const because = missing === undefined ? advice : missingRightText(missing, target);
  if (because === undefined || failures < 2) return {};
  return { phase: phase === "removing" ? phase : "blocked", because };
}
