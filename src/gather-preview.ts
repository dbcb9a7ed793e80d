import type { GitHub } from "./adapters/github.ts";
import type { KnownTarget, Slots } from "./adapters/store.ts";
import { changedServices, CONFIG_PATH } from "./core/changes.ts";
import type { Verdict } from "./core/checks.ts";
import type { NamespaceView, Workloads } from "./core/cluster.ts";
import type { ConfigProblem, RepoConfig } from "./core/config.ts";
import { defaultConfig } from "./core/config-defaults.ts";
import { mergeHeadConfig } from "./core/config-merge.ts";
import { parseConfig } from "./core/config-parse.ts";
import type { ImageSeen, PendingCommand } from "./core/decision.ts";
import { judgeChecks, ownRequired } from "./core/gate.ts";
import type { PullRequest } from "./core/github.ts";
import { LABEL, type Millis, type RepoId, type RepoName, type Sha, splitRepo, type Target } from "./core/names.ts";
import { previewNamespaceName } from "./core/places.ts";
import type { PreviewSeen } from "./core/preview.ts";
import { OutsideError } from "./core/problem.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { resolveImages } from "./images.ts";

export type PreviewTarget = Extract<Target, { kind: "preview" }>;

/** The decision's input, and what applying it needs beside. */
export interface PreviewGathered {
  readonly seen: PreviewSeen;
  readonly slots: Slots;
  /** By cluster; null: there is no namespace to read. */
  readonly workloads: ReadonlyMap<string, Workloads> | null;
}

type ConfigSeen = PreviewSeen["config"];

const UNREAD: Verdict = { kind: "wait", because: "not read", lookAgainAt: null, missing: [] };
const NOTHING_READ = { config: { problems: [] }, verdict: UNREAD, images: [] } as const;

/**
 * Reads a pull request's world as it is now; changes nothing. With a hint of head and base (the event's, or the last gather's)
 * everything is read side by side; only what the hint got wrong is read again.
 */
export async function gatherPreview(
  target: PreviewTarget,
  { state, known, hinted, hintedAt }: { state: TargetState; known: KnownTarget; hinted: Sha | null; hintedAt: Millis },
  fx: Effects,
): Promise<PreviewGathered> {
  const { repo } = state;
  const github = fx.github.installation(state.installation);
  // Where it is, if it is anywhere: the repository may have had another name then.
  const name =
    state.placements["default"]?.namespace ?? previewNamespaceName({ ...splitRepo(repo), number: target.number });
  const cluster = fx.clusters.get("default");
  const guess = state.seen === null ? null : { head: hinted ?? state.seen.head, base: state.seen.base };
  const guessed = guess === null ? null : gate(guess.head, guess.base, state.live?.sha ?? null);

  /** The config always; checks only where they can still matter. */
  async function gate(head: Sha, base: string, live: Sha | null) {
    const settled = live === head && state.rollout === null && known.commands.length === 0;
    const config = previewConfig(github, repo, { head, base }, fx);
    if (settled) return { config: await config, checks: null, rules: null };
    const [parsed, checks, rules] = await Promise.all([
      config,
      github.checks(repo, head),
      github.branchRules(repo, base),
    ]);
    return { config: parsed, checks, rules };
  }
  // A guess that fails must not fail the gather before the pull request itself was read.
  guessed?.catch(() => undefined);

  const [pull, commands, slots, meta, namespace, placed] = await Promise.all([
    github.pullRequest(repo, target.number),
    permissions(known, repo, github),
    fx.store.slots(target.repoId),
    fx.store.repo(target.repoId),
    cluster?.namespace(name) ?? null,
    state.placements["default"] === undefined ? null : (cluster?.workloads(name) ?? null),
  ]);
  if (pull !== null) refuseAnother(target, repo, pull.base.repoId);
  const now = fx.clock.now();
  const base = {
    now,
    state,
    commands,
    pull,
    namespace,
    hinted,
    hintedAt,
    repositoryActive: meta?.active ?? true,
  } as const;
  const slot = slotOf(target.number, slots, Number.POSITIVE_INFINITY);
  const namespaceIsOurs = namespace !== null && isOurs(namespace, target);
  const standing =
    namespaceIsOurs && !namespace.deletedAt ? (placed ?? (await cluster?.workloads(name)) ?? null) : null;
  const workloads = standing === null ? null : new Map([["default", standing]]);

  if (pull === null || pull.state === "closed") {
    return { seen: { ...base, ...NOTHING_READ, slot, namespaceIsOurs }, slots, workloads };
  }
  const isUp = namespace !== null && namespace.uid === state.placements["default"]?.uid;
  const live = isUp ? (state.live?.sha ?? null) : null;
  const useGuess =
    guess !== null &&
    guessed !== null &&
    guess.head === pull.head.sha &&
    guess.base === pull.base.ref &&
    live === (state.live?.sha ?? null);
  const { config, checks, rules } = useGuess ? await guessed : await gate(pull.head.sha, pull.base.ref, live);
  if ("problems" in config)
    return { seen: { ...base, ...NOTHING_READ, config, slot, namespaceIsOurs }, slots, workloads };

  const capped = slotOf(target.number, slots, config.config.previews.cap);
  const settled = {
    seen: { ...base, config, verdict: UNREAD, images: [], slot: capped, namespaceIsOurs },
    slots,
    workloads,
  };
  if (checks === null || rules === null) return settled;
  const firstSeenAt = state.wanted?.sha === pull.head.sha ? state.wanted.since : now;
  const judged = {
    checks,
    rules,
    gate: config.config.gate,
    own: { appId: fx.installation.appId, contextPrefix: "proa/" } as const,
    firstSeenAt,
    now,
  };
  const verdict = judgeChecks(judged);
  const notes = [...config.notes, ...ownRequired(judged).map((context) => deadlock(context, pull.base.ref))];
  const images = await previewImages({ target, pull, config: config.config, repo, github }, fx);
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

/** `.proa.yml` of the base branch, with what the head may say about its own preview. */
export async function previewConfig(
  github: GitHub,
  repo: RepoName,
  at: { readonly head: Sha; readonly base: string },
  fx: Effects,
): Promise<ConfigSeen> {
  const [repository, base, head] = await Promise.all([
    github.repository(repo),
    github.file(repo, CONFIG_PATH, at.base),
    github.file(repo, CONFIG_PATH, at.head),
  ]);
  const defaultBranch = repository?.defaultBranch ?? at.base;
  const parsedBase = read(base, defaultBranch);
  if ("problems" in parsedBase) return { problems: parsedBase.problems };
  const parsedHead = read(head, defaultBranch);
  if ("problems" in parsedHead) return { problems: parsedHead.problems };
  const { config, ignored } = mergeHeadConfig(parsedBase.config, parsedHead.config, {
    caps: fx.installation.previewCaps,
    baseBranch: at.base,
  });
  const { previews } = config;
  const bases = at.base === defaultBranch ? previews.when.base : await basesOf(github, repo, defaultBranch);
  const when = { ...previews.when, base: bases };
  return { config: { ...config, previews: { ...previews, when } }, notes: ignored };
}

/**
 * The branches whose config counts are for the default branch to name. A branch cannot name itself: anybody who may push one would
 * have a base of their own making, with secrets, images and checks as they like.
 */
async function basesOf(github: GitHub, repo: RepoName, defaultBranch: string): Promise<readonly string[]> {
  const parsed = read(await github.file(repo, CONFIG_PATH, defaultBranch), defaultBranch);
  return "config" in parsed ? parsed.config.previews.when.base : [defaultBranch];
}

/** A gate that waits for its own report would wait for ever; it is left out, and whoever required it is told. */
const deadlock = (context: string, base: string): string =>
  `\`${context}\` is Proa's own report and is required by ${base}: deploying does not wait for it, merging does.`;

/** No file is a configuration too. */
export function read(
  text: string | null,
  defaultBranch: string,
): { readonly config: RepoConfig } | { readonly problems: readonly ConfigProblem[] } {
  if (text === null) return { config: defaultConfig(defaultBranch) };
  const key = `${defaultBranch} ${text}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const fresh = parseConfig(text, defaultBranch);
  if (parsed.size >= MOST_PARSED) parsed.clear();
  parsed.set(key, fresh);
  return fresh;
}

/** Parsing is pure and most of a gather's own work; base and head mostly hold one text, and the next gather finds it again. */
const parsed = new Map<string, ReturnType<typeof parseConfig>>();
const MOST_PARSED = 100;

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

async function previewImages(
  {
    target,
    pull,
    config,
    repo,
    github,
  }: { target: PreviewTarget; pull: PullRequest; config: RepoConfig; repo: RepoName; github: GitHub },
  fx: Effects,
): Promise<ImageSeen[]> {
  const own = (services: RepoConfig["services"]) =>
    resolveImages({ repoId: target.repoId, repo, services, sha: pull.head.sha }, fx);
  // One service that is the whole repository is always touched: no need to ask for the files.
  if (config.services.every(({ path }) => path === ".")) return own(config.services);
  const [files, staging] = await Promise.all([
    github.changedFiles(repo, pull.number),
    stagingDigests(target, pull.base.ref, config, fx),
  ]);
  const changed = changedServices(config, files);
  const fromStaging = (name: string) => (changed.has(name) ? undefined : staging[name]);
  const resolved = await own(config.services.filter(({ name }) => fromStaging(name) === undefined));
  return config.services.map((service): ImageSeen => {
    const digest = fromStaging(service.name);
    const found = resolved.find((image) => image.service === service.name);
    if (found !== undefined || digest === undefined) return found ?? unresolved(service.name);
    const image = digest.image;
    return { service: service.name, image, tag: "", found: { kind: "digest", digest: digest.digest, moved: null } };
  });
}

const unresolved = (service: string): ImageSeen => ({ service, image: service, tag: "", found: { kind: "absent" } });

/** What the environment that follows the base branch runs: the images of services a pull request does not touch. */
async function stagingDigests(target: PreviewTarget, base: string, config: RepoConfig, fx: Effects) {
  const environment = config.environments.find(({ from }) => from.kind === "branch" && from.branch === base);
  if (environment === undefined) return {};
  const staging: Target = { kind: "env", repoId: target.repoId, environment: environment.name };
  const { state } = await fx.store.load(staging);
  const release = state?.live ? await fx.store.release(staging, state.live.rev) : null;
  return Object.fromEntries((release?.services ?? []).map((service) => [service.name, service]));
}

function slotOf(number: number, slots: Slots, cap: number): PreviewSeen["slot"] {
  if (slots.held.includes(number)) return { kind: "held" };
  const waiting = slots.queue.filter((other) => other !== number);
  const before = slots.queue.includes(number) ? slots.queue.indexOf(number) : waiting.length;
  if (slots.held.length + before < cap) return { kind: "free" };
  return { kind: "full", position: before + 1, cap };
}
