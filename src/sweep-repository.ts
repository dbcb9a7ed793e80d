import type { GitHub } from "./adapters/github.ts";
import type { Glance, RepoMeta } from "./adapters/store.ts";
import { tellPreviews } from "./config-moved.ts";
import { CONFIG_PATH } from "./core/changes.ts";
import type { NamespaceView } from "./core/cluster.ts";
import type { PullRequest, Repository } from "./core/github.ts";
import { type Millis, type Target, targetId } from "./core/names.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";

/** A sweep that would take down more than this stops: something is wrong with what it was told, not with so many previews. */
export const MOST_REMOVALS = 10;
/** What a sweep sets going at most in one repository; the others are still behind when the next one comes. */
const MOST_BEHIND = 200;
/** How far apart the sweeps are, about. */
const EVERY_MS = 10 * 60_000;
/** Nothing younger is put aside: the list of pull requests may be a moment older than what is known of them. */
const GRACE_MS = 10 * 60_000;

interface Swept {
  readonly enqueued: number;
  /** Too much would have been looked at for removal, so none of it was. */
  readonly stopped: boolean;
  /** `placeOf` every preview that has a record. */
  readonly places: readonly string[];
}

export const placeOf = (cluster: string, uid: string): string => `${cluster} ${uid}`;

/**
 * One repository's open pull requests, and the tip of its default branch, against what is known of them. Its calls do not grow with
 * what ever was: a page of the list for a hundred open pull requests, and a read of the table for some thousands.
 */
export async function sweepRepository(
  {
    installation,
    repository,
    namespaces,
    now,
  }: {
    readonly installation: number;
    readonly repository: Repository;
    /** Ours, by cluster, of the clusters that could be read. */
    readonly namespaces: ReadonlyMap<string, readonly NamespaceView[]>;
    readonly now: Millis;
  },
  fx: Pick<Effects, "clock" | "log" | "store" | "queue" | "github">,
): Promise<Swept> {
  const { id: repoId, name: repo } = repository;
  const github = fx.github.installation(installation);
  const meta: RepoMeta = { id: repoId, name: repo, installation, active: true };
  const known = await fx.store.repo(repoId);
  if (known === null || known.name !== repo || known.installation !== installation || !known.active)
    await fx.store.putRepo(meta);

  const [open, glances] = await Promise.all([github.openPullRequests(repo), fx.store.glances(repoId)]);
  const previews = glances.filter(({ target }) => target.kind === "preview");
  const byId = new Map(previews.map((glance) => [targetId(glance.target), glance]));
  const pulls = open.map((pull) => ({ pull, target: { kind: "preview", repoId, number: pull.number } as const }));
  const isOpen = new Set(pulls.map(({ target }) => targetId(target)));

  const behind = pulls.filter(({ pull, target }) => isBehind(pull, byId.get(targetId(target))));
  const closed = previews.filter(({ target, removing }) => !isOpen.has(targetId(target)) && !removing);
  const leftover = closed.filter(isUp);
  const stopped = leftover.length > MOST_REMOVALS;
  if (stopped)
    fx.log.error("sweep stopped: too many previews have no open pull request", {
      repo,
      count: leftover.length,
      open: open.length,
    });
  const standing = new Set([...namespaces].flatMap(([name, seen]) => seen.map(({ uid }) => placeOf(name, uid))));
  const homeless = previews.filter(
    ({ places, removing }) =>
      !removing &&
      Object.entries(places).some(([name, uid]) => namespaces.has(name) && !standing.has(placeOf(name, uid))),
  );
  const returned = known !== null && !known.active;
  const looks = new Map<string, Target>();
  for (const { target } of [
    ...inTurn(behind, now),
    ...(stopped ? [] : leftover),
    ...homeless,
    // Nobody looked while the installation was suspended, and the event that it is back may be lost.
    ...(returned ? glances : []),
  ])
    looks.set(targetId(target), target);
  for (const target of looks.values()) await look(target, { installation, repo, because: "sweep" }, fx);
  await fx.store.putAside(
    closed.filter((glance) => !isUp(glance) && now - glance.gatheredAt > GRACE_MS).map(({ target }) => target),
  );

  const text = await github.file(repo, CONFIG_PATH, repository.defaultBranch);
  await tellPreviews({ repoId, installation, repo, text }, fx);
  const branches = await sweepBranch(github, { installation, repository, glances }, now, fx);
  const places = previews.flatMap((glance) => Object.entries(glance.places).map(([name, uid]) => placeOf(name, uid)));
  return { enqueued: looks.size + branches, stopped, places };
}

/** Not heard of, or changed since it was last looked at. GitHub counts whole seconds, and our own comment is a change too: one look too many. */
const isBehind = (pull: PullRequest, glance: Glance | undefined): boolean =>
  glance === undefined || glance.head !== pull.head.sha || pull.updatedAt + 1_000 > glance.gatheredAt;

/** As many as one sweep sets going; the next one begins where this one ends, so that those that stay behind hide nobody. */
function inTurn<T>(behind: readonly T[], now: Millis): readonly T[] {
  if (behind.length <= MOST_BEHIND) return behind;
  const from = (Math.floor(now / EVERY_MS) * MOST_BEHIND) % behind.length;
  return [...behind.slice(from), ...behind.slice(0, from)].slice(0, MOST_BEHIND);
}

const isUp = ({ places }: Glance): boolean => Object.keys(places).length > 0;

/** One read per repository: whether the default branch has moved past what its environments know. */
async function sweepBranch(
  github: GitHub,
  {
    installation,
    repository,
    glances,
  }: { readonly installation: number; readonly repository: Repository; readonly glances: readonly Glance[] },
  now: Millis,
  fx: Pick<Effects, "queue">,
): Promise<number> {
  const { id: repoId, name: repo, defaultBranch: branch } = repository;
  const tip = await github.branch(repo, branch);
  if (tip === null) return 0;
  if (glances.some(({ target, wanted }) => target.kind === "env" && wanted === tip.sha)) return 0;
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
