import type { Verdict } from "./checks.ts";
import type { NamespaceView } from "./cluster.ts";
import type { ConfigProblem, RepoConfig } from "./config.ts";
import { answer, type Act, type Decision, type ImageSeen, listed, type PendingCommand, permits } from "./decision.ts";
import type { PullRequest } from "./github.ts";
import { type Millis, type Sha, short } from "./names.ts";
import { type CommandAnswer, failedText, type TargetState } from "./state.ts";

/** Everything a preview's decision depends on, read at one moment. */
export interface PreviewSeen {
  readonly now: Millis;
  readonly state: TargetState;
  readonly commands: readonly PendingCommand[];
  /** null: not a clean 200. Then nothing is changed, least of all deleted. */
  readonly pull: PullRequest | null;
  readonly repositoryActive: boolean;
  readonly config:
    | { readonly config: RepoConfig; readonly notes: readonly string[] }
    | { readonly problems: readonly ConfigProblem[] };
  readonly verdict: Verdict;
  readonly images: readonly ImageSeen[];
  readonly slot:
    | { readonly kind: "held" | "free" }
    | { readonly kind: "full"; readonly position: number; readonly cap: number };
  /** The namespace under the preview's name, ours or not; null: none. */
  readonly namespace: NamespaceView | null;
  readonly namespaceIsOurs: boolean;
  /** What the event said the head is; the API may still show an older one. */
  readonly hinted: Sha | null;
  readonly hintedAt: Millis;
}

/** Waits, in milliseconds. An event usually comes first; these are for the ones that are lost. */
const POLL = {
  lag: 2_000,
  image: 5_000,
  checks: 5 * 60_000,
  person: 30 * 60_000,
  slot: 60_000,
  removing: 2_000,
} as const;
/** Shared with environments: a read that still shows another head than the event after this long is believed: the event itself was the late one. */
export const LAG_BELIEVED_AFTER = 30_000;
/** An image this late is said to be missing, by its tag. */
const IMAGE_LATE_AFTER = 10 * 60_000;
/** Heads that were pushed over before they were live, and may still show as pending. */
const MOST_OPEN = 5;
const EXPIRED = "its time to live ended: push, or comment /deploy, to bring it back";

/**
 * What to do about a pull request's preview. First match wins: unknown → change nothing; closed or not eligible → remove;
 * broken config, failed checks → keep what serves and say so; not ready → wait and say for what; ready → deploy.
 */
export function decidePreview(seen: PreviewSeen): Decision {
  const decision = decide(seen);
  // An older head that is still rolling is watched to its end while the newer one waits for its checks.
  return decision.act.kind === "none" && decision.next.rollout !== null
    ? { ...decision, act: { kind: "observe" } }
    : decision;
}

function decide(seen: PreviewSeen): Decision {
  const { pull, now } = seen;
  if (pull === null) return rest(seen, { expecting: null }, POLL.slot);
  if (pull.state === "closed") {
    return remove(
      seen,
      pull.merged ? `merged${pull.mergeCommit ? ` as ${short(pull.mergeCommit)}` : ""}` : "the pull request was closed",
    );
  }
  if (!seen.repositoryActive) return rest(seen, { phase: "blocked", because: "the installation is suspended" }, null);
  if (seen.hinted !== null && lags(seen, seen.hinted, pull)) {
    return rest(seen, { expecting: { sha: seen.hinted, at: seen.hintedAt } }, POLL.lag);
  }

  const wanted = seen.state.wanted?.sha === pull.head.sha ? seen.state.wanted : { sha: pull.head.sha, since: now };
  const excluded = "config" in seen.config ? notEligible(pull, seen.config.config) : null;
  if (excluded !== null) return refuse(seen, excluded, wanted);

  const commands = applyCommands(seen, pull);
  const at: PreviewSeen = {
    ...seen,
    commands: [],
    state: {
      ...seen.state,
      wanted,
      seen: { head: pull.head.sha, base: pull.base.ref },
      expecting: null,
      tombstone: null,
      ...standing(seen),
      answers: [...seen.state.answers, ...commands.answers].slice(-5),
      open: wanted === seen.state.wanted ? seen.state.open : unended(seen.state, MOST_OPEN),
      ...(commands.again ? { failed: null, expired: null } : {}),
      ...(wanted === seen.state.wanted ? {} : { problems: [], report: null }),
    },
  };
  return { ...decideOpen(at, pull, commands.again), applied: commands.answers };
}

/** Open, but none for a preview. Only who may have expected one is told by a status; nobody's draft turns red. */
function refuse(
  seen: PreviewSeen,
  { because, refused }: Excluded,
  wanted: NonNullable<TargetState["wanted"]>,
): Decision {
  const gone = remove(seen, because);
  return refused && gone.act.kind === "none" ? { ...gone, next: { ...gone.next, phase: "blocked", wanted } } : gone;
}

function decideOpen(seen: PreviewSeen, pull: PullRequest, again: boolean): Decision {
  const { state, config, now } = seen;
  const sha = pull.head.sha;
  if ("problems" in config) {
    const [first] = config.problems;
    const because = first ? `.proa.yml line ${first.line}: ${first.message}` : ".proa.yml cannot be read";
    return rest(seen, { phase: "blocked", because, problems: config.problems }, POLL.person);
  }
  const known = { ...seen, state: { ...state, problems: [], notes: [...config.notes, ...moved(seen.images)] } };

  if (state.rollout?.sha === sha && !again) return { ...rest(known, {}, null), act: { kind: "observe" }, slot: "keep" };
  if (state.live?.sha === sha && state.rollout === null && !again) return keep(known, config.config);
  if (state.expired === sha) {
    return rest(known, { phase: "idle", because: EXPIRED }, null);
  }
  if (state.failed?.sha === sha)
    return rest(known, { phase: "failed", because: failedText(state.failed) }, POLL.person);

  const gate = gated(seen.verdict, now);
  if (gate !== null) return rest(known, gate.change, gate.wakeInMs);
  const missing = missingImages(seen, state.wanted?.since ?? now);
  if (missing !== null) {
    const awaited = seen.images
      .filter(({ found }) => found.kind === "absent")
      .map(({ image, tag }) => ({ image, tag }));
    return { ...rest(known, missing.change, missing.wakeInMs), awaitedImages: awaited };
  }
  if (seen.slot.kind === "full") {
    const because = `number ${seen.slot.position} in the queue: ${seen.slot.cap} previews of this repository are up, which is its cap`;
    // Whoever is next is called when a slot is free. Should the call be lost, those in front find out soon, and a long queue asks for little.
    return { ...rest(known, { phase: "waiting", because }, POLL.slot * seen.slot.position), slot: "take" };
  }
  if (seen.namespace !== null && !seen.namespaceIsOurs) {
    const because = `the namespace ${seen.namespace.name} exists and was not made by Proa for this pull request: delete or rename it`;
    return rest(known, { phase: "blocked", because }, POLL.person);
  }
  if (seen.namespace?.deletedAt) {
    const because = `recreating: waiting for the former namespace ${seen.namespace.name} to be gone`;
    return { ...rest(known, { phase: "waiting", because }, POLL.removing), slot: "take" };
  }
  return deploy(known, sha);
}

function deploy(seen: PreviewSeen, sha: Sha): Decision {
  const services = seen.images.flatMap(({ service, image, found }) =>
    found.kind === "digest" ? [{ name: service, image, digest: found.digest }] : [],
  );
  const because = `deploying ${short(sha)}`;
  const plan = {
    kind: "deploy",
    sha,
    services,
    patch: [],
    actor: seen.pull?.author ?? "",
    pulls: [],
    because,
    of: null,
  } as const;
  return {
    ...rest(seen, { phase: "rolling", because, report: null, failed: null }, null),
    act: { kind: "deploy", plan },
    slot: "take",
  };
}

/** Live and wanted are the same: nothing to do until the time to live ends. */
function keep(seen: PreviewSeen, config: RepoConfig): Decision {
  const { state, now } = seen;
  const idleSince = Math.max(state.live?.healthyAt ?? 0, state.wanted?.since ?? 0);
  const left = idleSince + config.previews.ttlMs - now;
  if (left <= 0) {
    const gone = remove(seen, EXPIRED);
    return { ...gone, next: { ...gone.next, expired: state.live?.sha ?? null } };
  }
  return rest(seen, { phase: "live", because: state.live?.because ?? "" }, left);
}

/** Tombstone first: from here on nothing is created, whatever arrives late. Nothing placed: only say so. */
function remove(seen: PreviewSeen, because: string): Decision {
  const { state, now } = seen;
  const commands = seen.commands.map((pending) => answer(pending, now, false, `there is no preview: ${because}`));
  const placements = adopted(seen);
  const placed = Object.keys(placements).length > 0 || state.rollout !== null;
  const tombstone = state.tombstone ?? { at: now, because };
  const cleared = {
    wanted: null,
    live: null,
    previous: null,
    rollout: null,
    failed: null,
    report: null,
    problems: [],
    notes: [],
  };
  const answers = [...state.answers, ...commands].slice(-5);
  const next: Partial<TargetState> = {
    ...cleared,
    answers,
    expecting: null,
    open: unended(state, MOST_OPEN),
    seen: seen.pull ? { head: seen.pull.head.sha, base: seen.pull.base.ref } : state.seen,
  };
  if (!placed)
    return {
      ...rest(seen, { ...next, phase: "idle", because, tombstone: null }, null),
      slot: "leave",
      applied: commands,
    };
  const removing = rest(seen, { ...next, placements, phase: "removing", because, tombstone }, POLL.removing);
  return { ...removing, act: { kind: "remove" }, slot: "keep", applied: commands };
}

/** A namespace with our labels that the record lost is taken down with the rest: a fetched, closed pull request stands behind it. */
function adopted({ state, namespace, namespaceIsOurs }: PreviewSeen): TargetState["placements"] {
  if (namespace === null || !namespaceIsOurs || namespace.deletedAt !== null) return state.placements;
  return { default: { namespace: namespace.name, uid: namespace.uid, support: "" }, ...state.placements };
}

/** Of an open pull request: a namespace that is gone, or was made anew by somebody, is no place of ours, and nothing serves from it. */
function standing({ state, namespace }: PreviewSeen): Pick<TargetState, "placements" | "live" | "rollout" | "url"> {
  const { default: placement, ...others } = state.placements;
  const { placements, live, rollout, url } = state;
  return placement === undefined || placement.uid === namespace?.uid
    ? { placements, live, rollout, url }
    : { placements: others, live: null, rollout: null, url: null };
}

/** Shared with environments: the wanted commit, if its status is still pending, beside those before it. A commit that is wanted no more gets a terminal state as well. */
export function unended({ wanted, live, failed, rollout, phase, open }: TargetState, most: number): Sha[] {
  // While something rolls, back or forth, the commit's status says so, whatever it had come to before.
  const ended = rollout === null && (live?.sha === wanted?.sha || failed?.sha === wanted?.sha);
  if (wanted === null || ended) return [...open];
  return phase === "blocked" || phase === "idle" ? [...open] : [...new Set([...open, wanted.sha])].slice(-most);
}

function rest(seen: PreviewSeen, change: Partial<TargetState>, wakeInMs: Millis | null): Decision {
  const act: Act = { kind: "none" };
  const next = { ...seen.state, ...change };
  return { next, act, wakeInMs, holds: { put: [], remove: [] }, applied: [], awaitedImages: [], slot: "keep" };
}

/** GitHub is not read-your-writes: an event's head that the API does not show yet is waited for, never deployed around. */
function lags(seen: PreviewSeen, hinted: Sha, pull: PullRequest): boolean {
  return (
    pull.head.sha !== hinted && pull.head.sha === seen.state.seen?.head && seen.now - seen.hintedAt < LAG_BELIEVED_AFTER
  );
}

interface Excluded {
  readonly because: string;
  /** Someone may have expected one, so its status says so. */
  readonly refused: boolean;
}

/** Why this pull request gets no preview. */
function notEligible(pull: PullRequest, config: RepoConfig): Excluded | null {
  const { when, forks } = config.previews;
  if (pull.head.repoId !== pull.base.repoId) {
    const because =
      forks === "refuse"
        ? "pull requests from forks get no preview: they would run code of people without write access"
        : "pull requests from forks get no preview: approving a fork's commit is not possible in this version";
    return { because, refused: true };
  }
  const notWanted = (because: string) => ({ because, refused: false });
  if (!when.base.includes(pull.base.ref))
    return notWanted(`previews are for pull requests into ${listed(when.base)}, this one goes into ${pull.base.ref}`);
  if (pull.draft && !when.drafts) return notWanted("the pull request is a draft");
  if (when.label !== null && !pull.labels.includes(when.label))
    return notWanted(`the pull request lacks the label ${when.label}`);
  return null;
}

/** Shared with environments: what a verdict that is not `pass` means for the target; null: go on. */
export function gated(
  verdict: Verdict,
  now: Millis,
): { change: Pick<TargetState, "phase" | "because">; wakeInMs: Millis } | null {
  switch (verdict.kind) {
    case "pass":
      return null;
    case "wait": {
      const wakeInMs =
        verdict.lookAgainAt === null ? POLL.checks : Math.max(500, Math.min(verdict.lookAgainAt - now, POLL.checks));
      return { change: { phase: "waiting", because: verdict.because }, wakeInMs };
    }
    case "human":
      return { change: { phase: "waiting", because: verdict.because }, wakeInMs: POLL.person };
    case "fail":
      return { change: { phase: "blocked", because: verdict.because }, wakeInMs: POLL.person };
  }
}

/** Shared with environments: images that are not there yet, or may not be used; null: all are there. */
export function missingImages(
  { images, now }: Pick<PreviewSeen, "images" | "now">,
  since: Millis,
): { change: Pick<TargetState, "phase" | "because">; wakeInMs: Millis } | null {
  const refused = images.flatMap(({ found }) => (found.kind === "refused" ? [found.because] : []));
  if (refused[0] !== undefined) return { change: { phase: "blocked", because: refused[0] }, wakeInMs: POLL.person };
  const absent = images.filter(({ found }) => found.kind === "absent");
  const [first] = absent;
  if (first === undefined) return null;
  const waited = now - since;
  const which = `${first.image}:${/^[0-9a-f]{40}$/.test(first.tag) ? short(first.tag) : first.tag}`;
  const more = absent.length > 1 ? ` and ${absent.length - 1} more` : "";
  const because =
    waited > IMAGE_LATE_AFTER
      ? `image ${which}${more} is not in the registry after ${IMAGE_LATE_AFTER / 60_000} min: does the build push the tag ${first.tag}?`
      : `checks passed; waiting for image ${which}${more} in the registry`;
  // Quick at first, when a build is about to push; then slower. The registry's own event usually comes first.
  return { change: { phase: "waiting", because }, wakeInMs: Math.min(Math.max(POLL.image, waited / 4), 5 * 60_000) };
}

const moved = (images: readonly ImageSeen[]): string[] =>
  images.flatMap(({ image, tag, found }) =>
    found.kind === "digest" && found.moved !== null
      ? [
          `The tag \`${image}:${short(tag)}\` now names ${found.moved.slice(0, 19)}…; what was tested is ${found.digest.slice(0, 19)}…, and that is what runs.`,
        ]
      : [],
  );

function applyCommands(seen: PreviewSeen, pull: PullRequest): { again: boolean; answers: CommandAnswer[] } {
  let again = false;
  const answers = seen.commands.map((pending) => {
    const { command, permission } = pending;
    if (command.verb !== "deploy") {
      return answer(
        pending,
        seen.now,
        false,
        `\`/${command.verb}\` is for environments: \`/${command.verb} <environment>\``,
      );
    }
    if (!permits(permission, "write")) {
      return answer(
        pending,
        seen.now,
        false,
        `@${command.actor.login} needs write permission on ${seen.state.repo} (has ${permission})`,
      );
    }
    again = true;
    return answer(
      pending,
      seen.now,
      true,
      `deploying ${short(pull.head.sha)} once its checks have passed and its image is there`,
    );
  });
  return { again, answers };
}
