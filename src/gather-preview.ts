import type { GitHub } from "./adapters/github.ts";
import type { KnownTarget, Slots } from "./adapters/store.ts";
import { previewConfig } from "./config-read.ts";
import type { Verdict } from "./core/checks.ts";
import type { NamespaceView, Workloads } from "./core/cluster.ts";
import type { RepoConfig } from "./core/config.ts";
import type { ImageSeen, PendingCommand } from "./core/decision.ts";
import { judgeChecks, ownRequired } from "./core/gate.ts";
import type { PullRequest } from "./core/github.ts";
import { stable } from "./core/hash.ts";
import { LABEL, type Millis, type RepoId, type RepoName, type Sha, type Target } from "./core/names.ts";
import type { PreviewSeen } from "./core/preview.ts";
import { OutsideError } from "./core/problem.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { previewImages } from "./images-preview.ts";
import { namespaceOf } from "./release.ts";
import { slotOf } from "./slots.ts";

export type PreviewTarget = Extract<Target, { kind: "preview" }>;

/** The decision's input, and what applying it needs beside. */
export interface PreviewGathered {
  readonly seen: PreviewSeen;
  readonly slots: Slots;
  /** By cluster; null: there is no namespace to read. */
  readonly workloads: ReadonlyMap<string, Workloads> | null;
  /** Before the first read. */
  readonly began: Millis;
}

type ConfigSeen = PreviewSeen["config"];

const UNREAD: Verdict = { kind: "wait", because: "not read", lookAgainAt: null, missing: [] };
const NOTHING_READ = { config: { problems: [] }, verdict: UNREAD, images: [] } as const;

/** Everything about a pull request that can be asked for at once, on its way; of the record it was asked for by. */
export interface PreviewReading {
  readonly began: Millis;
  readonly version: number;
  readonly hinted: Sha | null;
  readonly pull: Promise<PullRequest | null>;
  readonly slots: Promise<Slots>;
  readonly namespace: Promise<NamespaceView | null>;
  /** Of a namespace that the record knows. */
  readonly placed: Promise<Workloads | null>;
  /** By the head and base that the pull request is thought to have; null: nobody knows them yet. */
  readonly guess: { readonly head: Sha; readonly base: string; readonly gate: Promise<Gate> } | null;
  /** The images that this config names at the guessed head. */
  readonly images: { readonly config: RepoConfig; readonly found: Promise<ImageSeen[]> } | null;
}

interface Gate {
  readonly config: ConfigSeen;
  /** null: not asked, since nothing about this commit is to be decided. */
  readonly checks: Awaited<ReturnType<GitHub["checks"]>> | null;
  readonly rules: Awaited<ReturnType<GitHub["branchRules"]>> | null;
}

/**
 * Begins to read a pull request's world, side by side; changes nothing. With a hint of head and base (the event's, or the last
 * gather's) checks and config are asked for together with the pull request, and images too where a config is remembered.
 */
export function readPreview(
  target: PreviewTarget,
  { known, hinted, config }: { known: Known; hinted: Sha | null; config: RepoConfig | null },
  fx: Effects,
): PreviewReading {
  const { state, version } = known;
  const { repo } = state;
  const github = fx.github.installation(state.installation);
  const cluster = fx.clusters.get("default");
  const name = namespaceOf(state, null);
  const head = state.seen === null ? null : (hinted ?? state.seen.head);
  const guess =
    state.seen === null || head === null
      ? null
      : { head, base: state.seen.base, gate: readGate(known, { head, base: state.seen.base }, fx) };
  const images =
    guess === null || config === null || isSettled(known, guess.head)
      ? null
      : { config, found: previewImages(target, { ...guess, config, state }, fx) };
  const reading: PreviewReading = {
    began: fx.clock.now(),
    version,
    hinted,
    pull: github.pullRequest(repo, target.number),
    slots: fx.store.slots(target.repoId),
    namespace: cluster?.namespace(name) ?? Promise.resolve(null),
    placed: (state.placements["default"] === undefined ? null : cluster?.workloads(name)) ?? Promise.resolve(null),
    guess,
    images,
  };
  // Whoever needs one of them waits for it and hears of its failure; a guess that was wrong may fail unheard.
  for (const begun of [reading.pull, reading.slots, reading.namespace, reading.placed, guess?.gate, images?.found])
    begun?.catch(() => undefined);
  return reading;
}

/** The record as it was read, with the name and installation of the event. */
type Known = KnownTarget & { readonly state: TargetState };

/** What is live is what is wanted, and nobody asked for anything: checks cannot matter any more. */
const isSettled = ({ state, commands }: Known, head: Sha, live = state.live?.sha ?? null): boolean =>
  live === head && state.rollout === null && commands.length === 0;

/** The config always; checks only where they can still matter. */
async function readGate(
  known: Known,
  at: { readonly head: Sha; readonly base: string },
  fx: Effects,
  live?: Sha | null,
): Promise<Gate> {
  const { installation, repo } = known.state;
  const github = fx.github.installation(installation);
  const config = previewConfig(github, repo, at, fx);
  if (isSettled(known, at.head, live)) return { config: await config, checks: null, rules: null };
  const [parsed, checks, rules] = await Promise.all([
    config,
    github.checks(repo, at.head),
    github.branchRules(repo, at.base),
  ]);
  return { config: parsed, checks, rules };
}

/**
 * Reads a pull request's world as it is now; changes nothing. Only what the hints got wrong is read again.
 * @param reading begun before the record was read; left aside if that is another one by now
 */
export async function gatherPreview(
  target: PreviewTarget,
  {
    known,
    hinted,
    hintedAt,
    active,
    reading,
  }: { known: Known; hinted: Sha | null; hintedAt: Millis; active: boolean; reading: PreviewReading | null },
  fx: Effects,
): Promise<PreviewGathered> {
  const { state } = known;
  const { repo } = state;
  const github = fx.github.installation(state.installation);
  const isOfRecord =
    reading !== null && reading.version === known.version && reading.hinted === hinted && known.commands.length === 0;
  const reads = isOfRecord ? reading : readPreview(target, { known, hinted, config: null }, fx);

  const [pull, commands, slots, namespace, placed] = await Promise.all([
    reads.pull,
    permissions(known, repo, github),
    reads.slots,
    reads.namespace,
    reads.placed,
  ]);
  if (pull !== null) refuseAnother(target, repo, pull.base.repoId);
  const now = fx.clock.now();
  const base = { now, state, commands, pull, namespace, hinted, hintedAt, repositoryActive: active } as const;
  const slot = slotOf(target.number, slots, Number.POSITIVE_INFINITY);
  const namespaceIsOurs = namespace !== null && isOurs(namespace, target);
  const standing =
    namespaceIsOurs && !namespace.deletedAt
      ? (placed ?? (await fx.clusters.get("default")?.workloads(namespace.name)) ?? null)
      : null;
  const workloads = standing === null ? null : new Map([["default", standing]]);
  const common = { slots, workloads, began: reads.began };

  if (pull === null || pull.state === "closed")
    return { ...common, seen: { ...base, ...NOTHING_READ, slot, namespaceIsOurs } };
  const at = { head: pull.head.sha, base: pull.base.ref };
  const isUp = namespace !== null && namespace.uid === state.placements["default"]?.uid;
  const live = isUp ? (state.live?.sha ?? null) : null;
  const { guess } = reads;
  const isGuessed =
    guess !== null && guess.head === at.head && guess.base === at.base && live === (state.live?.sha ?? null);
  const { config, checks, rules } = isGuessed ? await guess.gate : await readGate(known, at, fx, live);
  if ("problems" in config) return { ...common, seen: { ...base, ...NOTHING_READ, config, slot, namespaceIsOurs } };

  const capped = slotOf(target.number, slots, config.config.previews.cap);
  const settled = {
    ...common,
    seen: { ...base, config, verdict: UNREAD, images: [], slot: capped, namespaceIsOurs },
  };
  if (checks === null || rules === null) return settled;
  const firstSeenAt = state.wanted?.sha === at.head ? state.wanted.since : now;
  const judged = {
    checks,
    rules,
    gate: config.config.gate,
    own: { appId: fx.installation.appId, contextPrefix: "proa/" } as const,
    firstSeenAt,
    now,
  };
  const verdict = judgeChecks(judged);
  const notes = [...config.notes, ...ownRequired(judged).map((context) => deadlock(context, at.base))];
  const images =
    isGuessed && reads.images !== null && stable(reads.images.config) === stable(config.config)
      ? await reads.images.found
      : await previewImages(target, { ...at, config: config.config, state }, fx);
  return { ...settled, seen: { ...settled.seen, config: { ...config, notes }, verdict, images } };
}

/**
 * A repository is its number. After a rename its old name can be taken by another one, whose pull requests, branches and people
 * decide nothing here: the next event or sweep brings the name it has now.
 */
export function refuseAnother({ repoId }: Target, repo: RepoName, found: RepoId): void {
  if (found === repoId) return;
  const detail = `${repo} is repository ${found} now and not ${repoId}, which was renamed: waiting to hear its new name`;
  throw new OutsideError({ code: "conflict", detail, retryable: true });
}

/** Made by us for exactly this pull request, by its labels. */
export const isOurs = ({ labels }: NamespaceView, { repoId, number }: PreviewTarget): boolean =>
  labels[LABEL.repositoryId] === `${repoId}` && labels[LABEL.pullRequest] === `${number}`;

/** A gate that waits for its own report would wait for ever; it is left out, and whoever required it is told. */
const deadlock = (context: string, base: string): string =>
  `\`${context}\` is Proa's own report and is required by ${base}: deploying does not wait for it, merging does.`;

/** Every unapplied command with its actor's permission as it is now. */
export function permissions(known: KnownTarget, repo: RepoName, github: GitHub): Promise<PendingCommand[]> {
  return Promise.all(
    known.commands.map(async ({ id, command }) => ({
      id,
      command,
      permission: await github.permission(repo, command.actor.login),
    })),
  );
}
