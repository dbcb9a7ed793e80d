import { LABEL, type Target, targetId } from "../../src/core/names.ts";
import type { Release } from "../../src/core/state.ts";
import { clockTime } from "./chronicle.ts";
import {
  commandsOf,
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
  { sentence: "every release of a commit has the images that its tags named first", check: perRepository(otherImages) },
  { sentence: "what failed in an environment is not rolled out there again by itself", check: perRepository(again) },
  { sentence: "what needs an approval gets one of its own", check: perRepository(unapproved) },
  { sentence: "there are never more previews than the cap", check: perRepository(tooMany) },
  { sentence: "a preview whose namespace is gone is not being removed any more", check: perRepository(restless) },
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

/** Of several services, a preview has staging's images for those that it leaves untouched. */
function otherImages(end: End, ours: Ours): string[] {
  const { repo, planned } = ours;
  const environments = ENVIRONMENTS.map((environment) => environmentTarget(repo, environment));
  return [...environments, ...(planned.services.length === 1 ? previews(end, ours) : [])].flatMap((target) =>
    deployed(end, target).flatMap(({ rev, sha, services }) =>
      services.flatMap(({ name, image, digest }) => {
        const first = end.firsts.get(`repo/${repo.id} digest/${image}/${sha}`);
        return first === undefined || first === digest
          ? []
          : [
              `${targetId(target)}@${rev} of ${short(sha)} has ${name} at ${digest}, where ${first as string} was first`,
            ];
      }),
    ),
  );
}

function again(end: End, ours: Ours): string[] {
  return ENVIRONMENTS.flatMap((environment) => {
    const target = environmentTarget(ours.repo, environment);
    if (end.story.touched.has(environmentNamespace(end, ours, environment)?.name ?? "")) return [];
    const all = releasesOf(end, target).toSorted((a, b) => a.rev - b.rev);
    const releases = deployed(end, target).filter(({ services }) =>
      services.some(({ digest }) => HOPELESS.has(end.world.github.truth.built(digest)?.behaviour ?? "good")),
    );
    return releases.flatMap(({ rev, sha, key, createdAt }, index) => {
      const before = releases.slice(0, index).findLast((other) => other.key === key && !isOvertaken(other, all));
      return before === undefined || isOrdered(end, target, { from: before.createdAt, to: createdAt })
        ? []
        : [`${environment}@${rev} of ${short(sha)}, as @${before.rev} before`];
    });
  });
}

/** A newer commit came before it could have failed. */
function isOvertaken({ rev, createdAt, deadlineMs }: Release, all: readonly Release[]): boolean {
  const next = all.find((other) => other.rev > rev);
  return next?.kind === "deploy" && next.createdAt < createdAt + deadlineMs;
}

const HOPELESS: ReadonlySet<string> = new Set(["crashes", "never ready", "not pullable", "unschedulable"]);

/** Somebody ordered something in between: what follows is theirs. */
function isOrdered(end: End, target: Target, { from, to }: { from: number; to: number }): boolean {
  return commandsOf(end, target).some(({ command, appliedAt }) => {
    return command.verb !== "approve" && (appliedAt ?? Infinity) >= from && command.at <= to;
  });
}

function unapproved(end: End, { repo }: Ours): string[] {
  const configs = (end.story.configs.get(repo) ?? []).map(meaningOf);
  if (!configs.every(({ approve, broken }) => approve || broken)) return [];
  const keys = new Set(deployed(end, environmentTarget(repo, "production")).map(({ key }) => key));
  const mayApprove = ["maintainer", "writer", repo.owner];
  const comments = end.story.commands.filter(
    ({ repo: at, body, by }) => at === repo && body.startsWith("/approve") && mayApprove.includes(by),
  );
  const presses = end.story.pressed.filter((report) => report === `${repo.id} proa/production report`);
  const approvals = comments.length + presses.length;
  return keys.size <= approvals ? [] : [`${keys.size} releases to production, and ${approvals} approvals at most`];
}

/** Counted from a preview's first Deployment on: a namespace whose making was held up on its way may come when nobody wants it any more. */
function tooMany(end: End, { repo }: Ours): string[] {
  const cap = Math.max(...(end.story.configs.get(repo) ?? []).map((text) => meaningOf(text).cap));
  const up = new Set<string>();
  return end.world.cluster.log.flatMap((write) => {
    if (write.kind === "namespace" && write.verb === "gone") up.delete(write.namespace);
    if (write.kind === "namespace" || write.verb !== "create" || write.by !== "proa") return [];
    const { [LABEL.repositoryId]: repoId, [LABEL.pullRequest]: number } = write.namespaceLabels;
    if (repoId !== `${repo.id}` || number === undefined) return [];
    up.add(write.namespace);
    return up.size > cap ? [`${up.size} at ${clockTime(write.at)}, with ${write.namespace}; the cap is ${cap}`] : [];
  });
}

function restless(end: End, { repo }: Ours): string[] {
  return end.world.github.truth.pulls(repo).flatMap(({ number }) => {
    const record = recordOf(end, previewTarget(repo, number));
    if (record?.phase !== "removing") return [];
    const { because, placements } = record;
    const there = Object.values(placements).some(({ namespace, uid }) => {
      return end.world.cluster.truth.namespace(namespace)?.uid === uid;
    });
    return there ? [] : [`#${number}: ${because}`];
  });
}
