import { LABEL, type Target, targetId } from "../../src/core/names.ts";
import type { Release } from "../../src/core/state.ts";
import { clockTime } from "./chronicle.ts";
import {
  ENVIRONMENTS,
  environmentNamespace,
  environmentTarget,
  type Ours,
  previewTarget,
  recordOf,
  releasesOf,
  repositoriesOf,
  short,
} from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";
import { meaningOf } from "./scenario.ts";

/** What was ever released, whatever it came to in the end. */
export const RELEASES: readonly Invariant[] = [
  { sentence: "nothing is released before its checks have passed", check: perRepository(early) },
  {
    sentence: "only what was once the branch's tip is released to an environment",
    check: perRepository(besideTheLine),
  },
  { sentence: "every release of a commit has the images that its tags named first", check: perRepository(twoImages) },
  { sentence: "what failed in an environment is not rolled out there again by itself", check: perRepository(again) },
  { sentence: "what needs an approval gets one of its own", check: perRepository(unapproved) },
  { sentence: "there are never more previews than the cap", check: perRepository(tooMany) },
  { sentence: "a closed pull request whose namespace is gone has come to rest", check: perRepository(restless) },
];

function perRepository(check: (end: End, ours: Ours) => string[]): (end: End) => string[] {
  return (end) => repositoriesOf(end).flatMap((ours) => check(end, ours).map((text) => `${ours.repo.name}: ${text}`));
}

const previews = (end: End, { repo }: Ours): Target[] =>
  end.world.github.truth.pulls(repo).map(({ number }) => previewTarget(repo, number));

const deployed = (end: End, target: Target): Release[] =>
  releasesOf(end, target).filter(({ kind }) => kind === "deploy");

/** The check's own runs, or those of the pull request that the commit merged. */
function early(end: End, ours: Ours): string[] {
  const { repo } = ours;
  const { truth } = end.world.github;
  const passed = (sha: Release["sha"], by: number): boolean => {
    const heads = truth.pulls(repo).filter(({ mergeCommit }) => mergeCommit === sha);
    return [sha, ...heads.map(({ head }) => head.sha)].some((commit) =>
      truth
        .checkRuns(repo, commit)
        .some(
          ({ view: { name, conclusion, completedAt } }) =>
            name === end.plan.ci.check && conclusion === "success" && (completedAt ?? Infinity) <= by,
        ),
    );
  };
  return [environmentTarget(repo, "staging"), ...previews(end, ours)].flatMap((target) =>
    deployed(end, target)
      .filter(({ sha, createdAt }) => !passed(sha, createdAt))
      .map(({ rev, sha, createdAt }) => `${targetId(target)}@${rev} of ${short(sha)} at ${clockTime(createdAt)}`),
  );
}

function besideTheLine(end: End, { repo }: Ours): string[] {
  if (end.story.movedBack.has(repo)) return [];
  const line = new Set(end.world.github.truth.firstParents(repo, repo.defaultBranch));
  return ENVIRONMENTS.flatMap((environment) =>
    deployed(end, environmentTarget(repo, environment))
      .filter(({ sha }) => !line.has(sha))
      .map(({ rev, sha }) => `${environment}@${rev} of ${short(sha)}`),
  );
}

/** With several services, a preview has the images of staging for what it leaves untouched. */
function twoImages(end: End, ours: Ours): string[] {
  const { repo, planned } = ours;
  const own = planned.services.length === 1 ? previews(end, ours) : [];
  const first = new Map<string, string>();
  return [environmentTarget(repo, "staging"), ...own].flatMap((target) =>
    deployed(end, target).flatMap(({ rev, sha, key }) => {
      const known = first.get(sha) ?? key;
      first.set(sha, known);
      return known === key ? [] : [`${targetId(target)}@${rev} of ${short(sha)} has ${key}, where ${known} was first`];
    }),
  );
}

function again(end: End, ours: Ours): string[] {
  return ENVIRONMENTS.flatMap((environment) => {
    const namespace = environmentNamespace(end, ours, environment)?.name ?? "";
    if (isOrdered(end, ours) || end.story.touched.has(namespace)) return [];
    const releases = deployed(end, environmentTarget(ours.repo, environment)).filter(({ services }) =>
      services.some(({ digest }) => HOPELESS.has(end.world.github.truth.built(digest)?.behaviour ?? "good")),
    );
    return releases
      .filter(({ key }, index) => releases.findIndex((other) => other.key === key) < index)
      .map(({ rev, sha }) => `${environment}@${rev} of ${short(sha)}`);
  });
}

const HOPELESS: ReadonlySet<string> = new Set(["crashes", "never ready", "not pullable", "unschedulable"]);

/** Somebody asked for something: what follows is theirs. */
const isOrdered = ({ story }: End, { repo }: Ours): boolean =>
  story.pressed.some((report) => report.startsWith(`${repo.id} `)) ||
  story.commands.some(({ repo: at, body }) => at === repo && /^\/(rollback|deploy|release-hold)/.test(body));

function unapproved(end: End, { repo }: Ours): string[] {
  const configs = (end.story.configs.get(repo) ?? []).map(meaningOf);
  if (!configs.every(({ approve, broken }) => approve || broken)) return [];
  const keys = new Set(deployed(end, environmentTarget(repo, "production")).map(({ key }) => key));
  const comments = end.story.commands.filter(({ repo: at, body }) => at === repo && body.startsWith("/approve"));
  const presses = end.story.pressed.filter((report) => report === `${repo.id} proa/production report`);
  const approvals = comments.length + presses.length;
  return keys.size <= approvals ? [] : [`${keys.size} releases to production, and ${approvals} approvals at most`];
}

function tooMany(end: End, { repo }: Ours): string[] {
  const cap = Math.max(...(end.story.configs.get(repo) ?? []).map((text) => meaningOf(text).cap));
  const up = new Set<string>();
  return end.world.cluster.log.flatMap((write) => {
    if (write.kind !== "namespace" || write.labels[LABEL.repositoryId] !== `${repo.id}`) return [];
    if (write.verb === "gone") up.delete(write.uid);
    if (write.verb !== "create" || write.by !== "proa") return [];
    up.add(write.uid);
    return up.size > cap ? [`${up.size} at ${clockTime(write.at)}, with ${write.namespace}; the cap is ${cap}`] : [];
  });
}

function restless(end: End, { repo }: Ours): string[] {
  return end.world.github.truth.pulls(repo).flatMap(({ number, state }) => {
    const record = recordOf(end, previewTarget(repo, number));
    if (state === "open" || record === null) return [];
    const { phase, because, placements } = record;
    const there = Object.values(placements).some(({ namespace, uid }) => {
      return end.world.cluster.truth.namespace(namespace)?.uid === uid;
    });
    return phase === "idle" || there ? [] : [`#${number} is ${phase}: ${because}`];
  });
}
