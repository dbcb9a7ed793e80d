import type { PullRequest } from "../../src/core/github.ts";
import { statusContext } from "../../src/core/names.ts";
import {
  behaviourOf,
  builtFrom,
  excluded,
  imagesOf,
  isFine,
  isGreen,
  meaningFor,
  type Ours,
  previewNamespaces,
  previewTarget,
  recordOf,
  repositoriesOf,
  short,
} from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";

/** What becomes of previews, told from the pull requests, the registry and the cluster alone. */
export const PREVIEWS: readonly Invariant[] = [
  { sentence: "an open pull request whose checks passed has a preview of its head, or says why not", check: missing },
  { sentence: "no preview is there without an open pull request that should have one", check: leftOver },
  { sentence: "who has a preview holds a slot, nobody else does, and whoever waits for one gets it", check: slots },
];

function missing(end: End): string[] {
  return repositoriesOf(end).flatMap((ours) =>
    end.world.github.truth
      .openPulls(ours.repo)
      .flatMap((pull) => wrong(end, ours, pull).map((text) => `${ours.repo.name}#${pull.number}: ${text}`)),
  );
}

function wrong(end: End, ours: Ours, pull: PullRequest): string[] {
  const { repo, planned } = ours;
  const sha = pull.head.sha;
  const meaning = meaningFor(end, repo, pull);
  if (meaning.broken || excluded(pull, meaning) !== null) return [];
  if (!isGreen(end, repo, sha) || imagesOf(end, ours, sha) === null) return [];
  const target = previewTarget(repo, pull.number);
  const record = recordOf(end, target);
  if (record === null) return [`nobody has looked at it, and ${short(sha)} is ready`];
  const queue = slotsOf(end, ours).queue;
  if (record.phase === "waiting" && queue.includes(pull.number)) return [];
  const own = previewNamespaces(end).find(({ repoId, number }) => repoId === repo.id && number === pull.number);
  const name = own?.namespace.name ?? record.placements["default"]?.namespace ?? "";
  if (end.story.touched.has(name)) return [];
  const status = end.world.github.truth.statuses(repo, sha, statusContext(target)).at(-1);
  const said = status === undefined ? "nothing" : `${status.state}: ${status.description}`;
  const behaviour = behaviourOf(end, ours, sha);
  // It exits some seconds after it was ready: it counts as good until then. And of several services only those that changed go in.
  if (behaviour === "crashes later" || (behaviour !== "good" && planned.services.length > 1)) return [];
  if (behaviour !== "good")
    return status?.state === "failure" ? [] : [`${short(sha)} ${behaviour}, and its status says ${said}`];
  if (own === undefined)
    return [`${short(sha)} is ready, and there is no namespace (${record.phase}: ${record.because})`];
  // Untouched by the pull request, a service runs what staging ran, good or bad.
  const borrowed = own.namespace.deployments.filter(({ image }) => builtFrom(end, image) !== sha);
  if (planned.services.length > 1 && borrowed.some(({ image }) => !isFine(end, image))) return [];
  const found = status?.state === "success" ? [] : [`${short(sha)} is ready, and its status says ${said}`];
  for (const service of planned.services) {
    const deployment = own.namespace.deployments.find((candidate) => candidate.name === service);
    if (deployment === undefined) {
      found.push(`there is no Deployment ${service} (${record.phase}: ${record.because})`);
      continue;
    }
    const from = builtFrom(end, deployment.image);
    if (from !== sha && planned.services.length === 1)
      found.push(`${service} runs ${short(from)} and not ${short(sha)} (${record.phase}: ${record.because})`);
    if (!deployment.serving.includes(deployment.image)) found.push(`no pod of ${service} serves ${short(from)}`);
  }
  return found;
}

function leftOver(end: End): string[] {
  return previewNamespaces(end).flatMap(({ repoId, number, namespace }) => {
    const repo = end.world.repositories.find(({ id }) => id === repoId);
    const pull = repo?.pulls.get(number);
    // Whose labels were changed by hand is nobody's any more.
    if (end.story.touched.get(namespace.name)?.includes("labels")) return [];
    if (repo === undefined || pull === undefined) return [`${namespace.name} is of no pull request`];
    if (pull.state === "closed") return [`${namespace.name} is there, and ${repo.name}#${number} is closed`];
    const meaning = meaningFor(end, repo, pull);
    const why = meaning.broken ? null : excluded(pull, meaning);
    return why === null ? [] : [`${namespace.name} is there, and ${repo.name}#${number} should have none: ${why}`];
  });
}

function slots(end: End): string[] {
  return repositoriesOf(end).flatMap((ours) => {
    const { repo } = ours;
    const { held, queue } = slotsOf(end, ours);
    const idle = held.filter((number) => {
      const record = recordOf(end, previewTarget(repo, number));
      return (
        record === null ||
        (Object.keys(record.placements).length === 0 && record.rollout === null && record.phase === "idle")
      );
    });
    const unheld = previewNamespaces(end).filter(({ repoId, number, namespace }) => {
      const record = recordOf(end, previewTarget(repo, number));
      const places = record?.placements["default"]?.uid === namespace.uid;
      return repoId === repo.id && places && !held.includes(number);
    });
    const caps = [...(end.story.configs.get(repo) ?? [])];
    const pulls = queue.filter((number) => repo.pulls.get(number)?.state !== "open");
    return [
      ...idle.map((number) => `${repo.name}#${number} has no preview and holds a slot`),
      ...unheld.map(({ number }) => `${repo.name}#${number} has a preview and holds no slot`),
      ...pulls.map((number) => `${repo.name}#${number} is closed and waits for a slot`),
      ...starved(end, ours, held, queue, caps.length),
    ];
  });
}

/** The cap is the base branch's as it is now. */
function starved(
  end: End,
  { repo }: Ours,
  held: readonly number[],
  queue: readonly number[],
  configs: number,
): string[] {
  const first = queue.map((number) => repo.pulls.get(number)).find((pull) => pull?.state === "open");
  if (first === undefined || configs === 0) return [];
  const meaning = meaningFor(end, repo, first);
  if (meaning.broken || excluded(first, meaning) !== null || held.length >= meaning.cap) return [];
  if (!isGreen(end, repo, first.head.sha)) return [];
  return [`${repo.name}#${first.number} waits for a slot, and ${held.length} of ${meaning.cap} are held`];
}

function slotsOf({ world }: End, { repo }: Ours): { held: readonly number[]; queue: readonly number[] } {
  const value = world.table.get({ pk: `repo/${repo.id}`, sk: "slots" })?.value;
  return (value as { held: number[]; queue: number[] } | undefined) ?? { held: [], queue: [] };
}
