import type { RepoMeta } from "./adapters/store.ts";
import { NewerRecord } from "./adapters/store-format.ts";
import type { NamespaceView } from "./core/cluster.ts";
import type { Repository } from "./core/github.ts";
import { LABEL, type Millis, parseRepoId, type Target, targetId } from "./core/names.ts";
import { OutsideError } from "./core/problem.ts";
import { missingRightText } from "./core/rights.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";
import { MOST_REMOVALS, placeOf, sweepRepository } from "./sweep-repository.ts";

/** No registry and nothing to render with: a sweep only finds and enqueues. */
export type SweepEffects = Pick<Effects, "clock" | "log" | "store" | "queue" | "github" | "clusters">;

const DUE_BATCH = 200;
/** A tick that is a little late is normal; one that is lost is this late. */
const LATE_MS = 5_000;
/** Nothing younger is called an orphan: its record may be a moment behind. */
const GRACE_MS = 10 * 60_000;
const REDELIVERY_WINDOW_MS = 3 * 24 * 3_600_000;
const MOST_REDELIVERIES = 100;

/** Each minute: what a lost tick or a lost wake-up left lying. Two at once only look twice. */
export async function sweepOverdue(fx: SweepEffects): Promise<{ targets: number }> {
  const now = fx.clock.now();
  const overdue = await fx.store.overdue(now - LATE_MS, DUE_BATCH);
  // Side by side: ten of them travel as one call.
  await Promise.all(overdue.map(async ({ target, wake }) => wake !== null && fx.queue.tick(target, wake.n, 0)));
  const installations = new Set((await fx.store.repos()).map(({ installation }) => installation));
  await Promise.all([...installations].map((installation) => fx.queue.report(installation, 0)));
  const lateMs = Math.max(...overdue.map(({ wake }) => now - (wake?.dueAt ?? now)));
  if (overdue.length > 0) fx.log.warn("overdue targets", { count: overdue.length, lateMs });
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
  const known = new Set<string>();
  for (const { id, suspended } of await asApp(fx.github.installations(), fx)) {
    if (suspended) continue;
    for (const repository of await repositoriesOf(id, failed, fx)) {
      repositories++;
      try {
        const swept = await sweepRepository({ installation: id, repository, namespaces, now }, fx);
        enqueued += swept.enqueued;
        if (swept.stopped) stopped.push(repository.name);
        for (const place of swept.places) known.add(place);
      } catch (error) {
        // One repository that cannot be read must not hide the others.
        if (!(error instanceof OutsideError)) throw error;
        failed.push(`${repository.name}: ${error.problem.detail}`);
      }
    }
  }
  for (const [name, seen] of namespaces) enqueued += await sweepNamespaces(name, { namespaces: seen, known, now }, fx);
  const report = { redelivered, repositories, enqueued, stopped, failed };
  fx.log.info("github sweep", {
    redelivered,
    repositories,
    enqueued,
    stopped: stopped.join(", "),
    failures: failed.length,
    failed: failed.join("; "),
  });
  return report;
}

/** What only the App itself may ask. Refused that, it is refused everything: an alarm waits for this line (`infra/deployer.yaml`). */
async function asApp<T>(answer: Promise<T>, { log }: SweepEffects): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof OutsideError && error.problem.code === "forbidden") log.error("github refused the app", error);
    throw error;
  }
}

async function repositoriesOf(installation: number, failed: string[], fx: SweepEffects): Promise<Repository[]> {
  try {
    return await fx.github.repositoriesOf(installation);
  } catch (error) {
    // One installation that cannot be read must not hide the others.
    if (!(error instanceof OutsideError)) throw error;
    failed.push(`installation ${installation}: ${error.problem.detail}`);
    return [];
  }
}

/** By a record that this Proa cannot read, as well: whatever it says, it is somebody's. */
async function isRecorded(
  target: Target,
  cluster: string,
  { uid }: NamespaceView,
  fx: Pick<SweepEffects, "store">,
): Promise<boolean> {
  try {
    return (await fx.store.load(target)).state?.placements[cluster]?.uid === uid;
  } catch (error) {
    if (error instanceof NewerRecord) return true;
    throw error;
  }
}

/** GitHub sends a delivery once. What failed while we were down is asked for again, a few days back at most. */
async function redeliver(now: Millis, fx: SweepEffects): Promise<number> {
  const cursor = await fx.store.cursor("deliveries");
  const since = Math.max(typeof cursor === "number" ? cursor : 0, now - REDELIVERY_WINDOW_MS);
  const lost = (await asApp(fx.github.failedDeliveries(since), fx))
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

/** Namespaces that carry our labels and that no record knows: a store that was lost, or a preview made by a dead attempt. */
async function sweepNamespaces(
  name: string,
  {
    namespaces,
    known,
    now,
  }: { readonly namespaces: readonly NamespaceView[]; readonly known: ReadonlySet<string>; readonly now: Millis },
  fx: SweepEffects,
): Promise<number> {
  const orphans: { readonly target: Target; readonly meta: RepoMeta }[] = [];
  for (const namespace of namespaces) {
    const repoId = parseRepoId(Number(namespace.labels[LABEL.repositoryId]));
    const number = Number(namespace.labels[LABEL.pullRequest]);
    if (repoId === null || !Number.isSafeInteger(number) || number < 1 || namespace.deletedAt !== null) continue;
    if (now - namespace.createdAt < GRACE_MS || known.has(placeOf(name, namespace.uid))) continue;
    const target: Target = { kind: "preview", repoId, number };
    if (await isRecorded(target, name, namespace, fx)) continue;
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
