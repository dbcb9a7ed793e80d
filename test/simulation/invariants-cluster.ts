import { LABEL } from "../../src/core/names.ts";
import type { ClusterWrite } from "./cluster.ts";
import { clockTime } from "./chronicle.ts";
import {
  builtFrom,
  environmentTarget,
  excluded,
  namespacesOf,
  type Ours,
  releaseOf,
  releasesOf,
  repositoriesOf,
  short,
} from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";
import { meaningOf } from "./scenario.ts";

/** What was written to the cluster, in the order it was written. */
export const CLUSTER: readonly Invariant[] = [
  { sentence: "no older revision is written after a newer one", check: backwards },
  {
    sentence: "nothing is deleted that is not ours, or whose pull request was not closed or no longer wanted",
    check: deletions,
  },
  { sentence: "no namespace is deleted but one whose uid was recorded before", check: unrecorded },
  {
    sentence: "Proa writes only to Deployments in its own previews and in namespaces that name their repository",
    check: strangers,
  },
  {
    sentence: "an environment never goes back to an older commit unless the newer one failed or a person said so",
    check: accidents,
  },
];

type DeploymentWrite = Extract<ClusterWrite, { kind: "deployment" }>;

const deploymentWrites = ({ world }: End): DeploymentWrite[] =>
  world.cluster.log.filter((write) => write.kind === "deployment").filter(({ verb }) => verb !== "delete");

function backwards(end: End): string[] {
  const newest = new Map<string, DeploymentWrite>();
  const found: string[] = [];
  for (const write of deploymentWrites(end)) {
    const key = `${write.namespace}/${write.deployment} ${write.uid}`;
    const before = newest.get(key);
    if (write.by === "proa") {
      if ((write.revision ?? 0) < (before?.revision ?? 0))
        found.push(
          `${key}: revision ${write.revision} at ${clockTime(write.at)}, after ${before?.revision} at ${clockTime(before?.at ?? 0)}`,
        );
      newest.set(key, write);
    }
  }
  return found;
}

function deletions({ world, story }: End): string[] {
  const made = new Map<string, number>();
  return world.cluster.log.flatMap((write) => {
    if (write.kind === "deployment")
      return write.by === "proa" && write.verb === "delete"
        ? [`the Deployment ${write.namespace}/${write.deployment}`]
        : [];
    if (write.verb === "create") made.set(write.uid, write.at);
    if (write.by !== "proa" || write.verb !== "delete") return [];
    const { [LABEL.repositoryId]: repoId, [LABEL.pullRequest]: number, [LABEL.managedBy]: by } = write.labels;
    const pulls = story.pulls.get(`${repoId}/${number}`) ?? [];
    if (by !== "proa" || pulls.length === 0)
      return [`${write.namespace}, which was not ours: ${JSON.stringify(write.labels)}`];
    const repo = world.repositories.find(({ id }) => `${id}` === repoId);
    const configs = (repo === undefined ? [] : (story.configs.get(repo) ?? [])).map(meaningOf);
    // GitHub may have been a little behind when the preview was made.
    const since = (made.get(write.uid) ?? 0) - 60_000;
    const unwanted = pulls.some(({ pull }, index) => {
      const until = pulls[index + 1]?.at ?? Infinity;
      const reason =
        pull.state === "closed" || configs.some((meaning) => !meaning.broken && excluded(pull, meaning) !== null);
      return reason && until > since;
    });
    return unwanted
      ? []
      : [`${write.namespace} at ${clockTime(write.at)}, whose pull request was open and wanted all the time`];
  });
}

/** A namespace of the same name and labels, made by somebody else meanwhile, is another. */
function unrecorded({ world, placed }: End): string[] {
  return world.cluster.log.flatMap((write) => {
    if (write.kind !== "namespace" || write.by !== "proa" || write.verb !== "delete") return [];
    const { namespace, uid, at } = write;
    return (placed.get(uid) ?? Infinity) <= at ? [] : [`${namespace} at ${clockTime(at)}, of uid ${uid}`];
  });
}

function strangers(end: End): string[] {
  const allowed = new Set(repositoriesOf(end).flatMap(namespacesOf));
  return deploymentWrites(end).flatMap(({ by, namespace, deployment, target }) => {
    if (by !== "proa" || allowed.has(namespace)) return [];
    return /-pr-\d+/.test(namespace) && target?.startsWith("preview/")
      ? []
      : [`${namespace}/${deployment} (${target})`];
  });
}

function accidents(end: End): string[] {
  return repositoriesOf(end).flatMap((ours) =>
    ["staging", "production"].flatMap((environment) => goneBack(end, ours, environment)),
  );
}

function goneBack(end: End, ours: Ours, environment: string): string[] {
  const { repo } = ours;
  const target = environmentTarget(repo, environment);
  const [staging = "", production = ""] = namespacesOf(ours);
  const namespace = environment === "staging" ? staging : production;
  const tip = end.world.github.truth.tip(repo, repo.defaultBranch);
  const writes = deploymentWrites(end).filter((write) => write.by === "proa" && write.namespace === namespace);
  return writes.flatMap((write, index) => {
    const before = writes.slice(0, index).findLast(({ deployment }) => deployment === write.deployment);
    const [from, to] = [before, write].map((each) => (each === undefined ? null : builtFrom(end, each.digest)));
    if (!from || !to || from === to || !end.world.github.truth.contains(repo, from, to)) return [];
    // Somebody has moved the branch back: what it no longer holds is not to be live.
    if (tip !== null && !end.world.github.truth.contains(repo, tip, from)) return [];
    const release = write.revision === null ? null : releaseOf(end, target, write.revision as never);
    // Its rollback was claimed, and something else took its place before it was written.
    const isFailed = releasesOf(end, target).some(
      ({ kind, actor, rev }) =>
        kind === "rollback" && actor === "proa" && rev > (before?.revision ?? Infinity) && rev < (write.revision ?? 0),
    );
    if (isFailed) return [];
    const ordered = end.story.commands.some(({ repo: at, body }) => at === repo && /^\/(rollback|deploy)/.test(body));
    const pressed = end.story.pressed.includes(`${repo.id} proa/${environment} report`);
    if (release?.kind === "rollback" && (release.actor === "proa" || ordered || pressed)) return [];
    return ordered || pressed
      ? []
      : [
          `${namespace} went from ${short(from)} back to ${short(to)} at ${clockTime(write.at)} with ${release?.kind ?? "no"} release ${write.revision}`,
        ];
  });
}
