import type { GitHub } from "./adapters/github.ts";
import type { RepoMeta } from "./adapters/store.ts";
import { CONFIG_PATH } from "./core/changes.ts";
import type { NamespaceView } from "./core/cluster.ts";
import type { PullRequest, Repository } from "./core/github.ts";
import { LABEL, type Millis, parseRepoId, type Target, targetId } from "./core/names.ts";
import { OutsideError } from "./core/problem.ts";
import { missingRightText } from "./core/rights.ts";
import type { TargetState } from "./core/state.ts";
import { tellPreviews } from "./config-moved.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";

/** No registry and nothing to render with: a sweep only finds and enqueues. */
export type SweepEffects = Pick<Effects, "clock" | "log" | "store" | "queue" | "github" | "clusters">;

const DUE_BATCH = 200;
/** A tick that is a little late is normal; one that is lost is this late. */
const LATE_MS = 5_000;
/** Nothing younger is called an orphan: its record may be a moment behind. */
const GRACE_MS = 10 * 60_000;
/** A sweep that would take down more than this stops: something is wrong with what it was told, not with so many previews. */
const MOST_REMOVALS = 10;
const REDELIVERY_WINDOW_MS = 3 * 24 * 3_600_000;
const MOST_REDELIVERIES = 100;

/** Each minute: what a lost tick or a lost wake-up left lying. Two at once only look twice. */
export async function sweepOverdue(fx: SweepEffects): Promise<{ targets: number }> {
  const now = fx.clock.now();
  const overdue = await fx.store.overdue(now - LATE_MS, DUE_BATCH);
  for (const state of overdue) if (state.wake !== null) await fx.queue.tick(state.target, state.wake.n, 0);
  const installations = new Set((await fx.store.repos()).map(({ installation }) => installation));
  for (const installation of installations) await fx.queue.report(installation, 0);
  if (overdue.length > 0) fx.log.warn("overdue targets", { count: overdue.length });
  return { targets: overdue.length };
}

/** What a GitHub sweep found and did; logged, and told to whoever runs it. */
export interface SweepReport {
  readonly redelivered: number;
  readonly repositories: number;
  readonly enqueued: number;
  /** Repositories where too much would have gone: nothing of them was enqueued for removal. */
  readonly stopped: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Repairs what events missed: failed deliveries are sent again; then open pull requests, records, branch tips and namespaces are
 * compared, and what differs is looked at. The sweep itself deletes nothing: an absence in a list only makes that one pull
 * request be fetched, and only a pull request that says "closed" is taken down.
 */
export async function sweepGitHub(fx: SweepEffects): Promise<SweepReport | null> {
  const now = fx.clock.now();
  if (!(await fx.store.lease("github", now, 5 * 60_000))) return null;
  try {
    return await sweepAll(now, fx);
  } finally {
    await fx.store.endLease("github");
  }
}

async function sweepAll(now: Millis, fx: SweepEffects): Promise<SweepReport> {
  const redelivered = await redeliver(now, fx);
  const stopped: string[] = [];
  const failed: string[] = [];
  const namespaces = new Map<string, readonly NamespaceView[]>();
  for (const [name, cluster] of [...fx.clusters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    try {
      namespaces.set(name, await cluster.ourNamespaces());
    } catch (error) {
      // One cluster that cannot be read must not hide the others.
      if (!(error instanceof OutsideError)) throw error;
      const { missing, detail } = error.problem;
      failed.push(`${name}: ${missing === undefined ? detail : missingRightText(missing, null)}`);
    }
  }
  let repositories = 0;
  let enqueued = 0;
  for (const { id, suspended } of await fx.github.installations()) {
    if (suspended) continue;
    for (const repository of await fx.github.repositoriesOf(id)) {
      repositories++;
      try {
        const swept = await sweepRepository({ installation: id, repository, namespaces, now }, fx);
        enqueued += swept.enqueued;
        if (swept.stopped) stopped.push(repository.name);
      } catch (error) {
        // One repository that cannot be read must not hide the others.
        if (!(error instanceof OutsideError)) throw error;
        failed.push(`${repository.name}: ${error.problem.detail}`);
      }
    }
  }
  for (const [name, seen] of namespaces) enqueued += await sweepNamespaces(name, seen, now, fx);
  const report = { redelivered, repositories, enqueued, stopped, failed };
  fx.log.info("github sweep", {
    redelivered,
    repositories,
    enqueued,
    stopped: stopped.join(", "),
    failed: failed.join("; "),
  });
  return report;
}

/** GitHub sends a delivery once. What failed while we were down is asked for again, a few days back at most. */
async function redeliver(now: Millis, fx: SweepEffects): Promise<number> {
  const cursor = await fx.store.cursor("deliveries");
  const since = Math.max(typeof cursor === "number" ? cursor : 0, now - REDELIVERY_WINDOW_MS);
  const lost = (await fx.github.failedDeliveries(since))
    .sort((a, b) => a.deliveredAt - b.deliveredAt)
    .slice(0, MOST_REDELIVERIES);
  for (const { id, guid } of lost) {
    fx.log.info("redeliver", { delivery: guid });
    await fx.github.redeliver(id);
  }
  // Overlapping on purpose: a delivery that fails again shows up again, one that has succeeded is no longer listed as failed.
  await fx.store.putCursor("deliveries", now - 60 * 60_000);
  return lost.length;
}

async function sweepRepository(
  {
    installation,
    repository,
    namespaces,
    now,
  }: {
    installation: number;
    repository: Repository;
    namespaces: ReadonlyMap<string, readonly NamespaceView[]>;
    now: Millis;
  },
  fx: SweepEffects,
): Promise<{ enqueued: number; stopped: boolean }> {
  const { id: repoId, name: repo } = repository;
  const github = fx.github.installation(installation);
  const meta: RepoMeta = { id: repoId, name: repo, installation, active: true };
  const known = await fx.store.repo(repoId);
  if (known === null || known.name !== repo || known.installation !== installation || !known.active)
    await fx.store.putRepo(meta);

  const [open, targets] = await Promise.all([github.openPullRequests(repo), fx.store.targetsOf(repoId)]);
  const states = await Promise.all(targets.map(async (target) => (await fx.store.load(target)).state));
  const previews = new Map(
    states.flatMap((state) => (state?.target.kind === "preview" ? [[state.target.number, state] as const] : [])),
  );
  const because = "sweep";

  const behind = open.filter((pull) => isBehind(pull, previews.get(pull.number)));
  const numbers = new Set(open.map(({ number }) => number));
  const leftover = [...previews.values()].filter(
    (state) =>
      isUp(state) && state.target.kind === "preview" && !numbers.has(state.target.number) && state.phase !== "removing",
  );
  const stopped = leftover.length > MOST_REMOVALS;
  if (stopped)
    fx.log.error("sweep stopped: too many previews have no open pull request", {
      repo,
      count: leftover.length,
      open: open.length,
    });

  const standing = new Set([...namespaces.values()].flat().map(({ uid }) => uid));
  const homeless = [...previews.values()].filter(({ placements, phase }) =>
    Object.entries(placements).some(
      ([name, { uid }]) => namespaces.has(name) && !standing.has(uid) && phase !== "removing",
    ),
  );
  const returned = known !== null && !known.active;
  const looks = new Map<string, Target>();
  for (const target of [
    ...behind.map(({ number }): Target => ({ kind: "preview", repoId, number })),
    ...(stopped ? [] : leftover.map(({ target: left }) => left)),
    ...homeless.map(({ target: lost }) => lost),
    // Nobody looked while the installation was suspended, and the event that it is back may be lost.
    ...(returned ? targets : []),
  ])
    looks.set(targetId(target), target);
  for (const target of looks.values()) await look(target, { installation, repo, because }, fx);
  const text = await github.file(repo, CONFIG_PATH, repository.defaultBranch);
  await tellPreviews({ repoId, installation, repo, text }, fx);
  const branches = await sweepBranch(github, { installation, repository, states }, now, fx);
  return { enqueued: looks.size + branches, stopped };
}

/** Not heard of, or changed since it was last looked at. GitHub counts whole seconds, and our own comment is a change too: one look too many. */
const isBehind = (pull: PullRequest, state: TargetState | undefined): boolean =>
  state === undefined || state.seen?.head !== pull.head.sha || pull.updatedAt + 1_000 > state.gatheredAt;

const isUp = (state: TargetState): boolean => Object.keys(state.placements).length > 0;

/** One read per repository: whether the default branch has moved past what its environments know. */
async function sweepBranch(
  github: GitHub,
  {
    installation,
    repository,
    states,
  }: { installation: number; repository: Repository; states: readonly (TargetState | null)[] },
  now: Millis,
  fx: SweepEffects,
): Promise<number> {
  const { id: repoId, name: repo, defaultBranch: branch } = repository;
  const tip = await github.branch(repo, branch);
  if (tip === null) return 0;
  const environments = states.filter((state) => state?.target.kind === "env");
  if (environments.some((state) => state?.wanted?.sha === tip.sha)) return 0;
  const delivery = `proa-sweep-${repoId}-${tip.sha}-${now}`;
  await fx.queue.send(
    {
      v: 1,
      kind: "branch",
      delivery,
      installation,
      repo,
      repoId,
      branch,
      sha: tip.sha,
      receivedAt: now,
      because: "sweep",
    },
    `repo/${repoId}`,
    delivery,
  );
  return 1;
}

/** Namespaces that carry our labels and that no record knows: a store that was lost, or a preview made by a dead attempt. */
async function sweepNamespaces(
  name: string,
  namespaces: readonly NamespaceView[],
  now: Millis,
  fx: SweepEffects,
): Promise<number> {
  const orphans: { readonly target: Target; readonly meta: RepoMeta }[] = [];
  for (const namespace of namespaces) {
    const repoId = parseRepoId(Number(namespace.labels[LABEL.repositoryId]));
    const number = Number(namespace.labels[LABEL.pullRequest]);
    if (repoId === null || !Number.isSafeInteger(number) || number < 1 || namespace.deletedAt !== null) continue;
    if (now - namespace.createdAt < GRACE_MS) continue;
    const target: Target = { kind: "preview", repoId, number };
    const { state } = await fx.store.load(target);
    if (state?.placements[name]?.uid === namespace.uid) continue;
    // Of a repository that nobody here has heard of: another installation's, in a cluster that both use.
    const meta = await fx.store.repo(repoId);
    if (meta !== null) orphans.push({ target, meta });
  }
  if (orphans.length > MOST_REMOVALS) {
    const [first] = orphans;
    fx.log.error("sweep stopped: too many namespaces are in no record", {
      cluster: name,
      count: orphans.length,
      first: first ? targetId(first.target) : "",
    });
    return 0;
  }
  let enqueued = 0;
  for (const { target, meta } of orphans) {
    const because = `a namespace of ${targetId(target)} is in no record`;
    await look(target, { installation: meta.installation, repo: meta.name, because }, fx);
    enqueued++;
  }
  return enqueued;
}
