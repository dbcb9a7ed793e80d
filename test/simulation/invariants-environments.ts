import type { Sha } from "../../src/core/names.ts";
import {
  behaviourOf,
  builtFrom,
  environmentNamespace,
  ENVIRONMENTS,
  environmentTarget,
  holdsOf,
  imagesOf,
  isGreen,
  type Ours,
  recordOf,
  releasesOf,
  repositoriesOf,
  short,
} from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";
import { imageOf, meaningOf } from "./scenario.ts";

/** What becomes of staging and production, told from the branch, the registry and the cluster alone. */
export const ENVIRONMENT_INVARIANTS: readonly Invariant[] = [
  {
    sentence: "staging runs the newest commit of main that is ready, or says that it failed",
    check: perRepository(staging),
  },
  {
    sentence: "production runs what is live in staging, unless a person has to approve it or it failed",
    check: perRepository(production),
  },
  { sentence: "production only ever gets what staging had, by digest", check: perRepository(promoted) },
  { sentence: "only commits whose checks passed are released", check: perRepository(green) },
  { sentence: "a release runs the images that were built for its commit", check: perRepository(built) },
  { sentence: "an environment runs what its record says", check: perRepository(recorded) },
];

function perRepository(check: (end: End, ours: Ours) => string[]): (end: End) => string[] {
  return (end) => repositoriesOf(end).flatMap((ours) => check(end, ours).map((text) => `${ours.repo.name}: ${text}`));
}

/** GitHub shows at most so many newer commits that are not ready before one that is. */
const MOST_LOOKED_AT = 8;

function staging(end: End, ours: Ours): string[] {
  const { repo } = ours;
  const config = meaningOf(end.world.github.truth.file(repo, ".proa.yml", "main"));
  if (config.broken || isSpecial(end, ours, "staging") || end.story.movedBack.has(repo)) return [];
  const line = end.world.github.truth.firstParents(repo, "main");
  const ready = line.findIndex((sha) => isReady(end, ours, sha));
  const wanted = line[ready];
  if (wanted === undefined || ready >= MOST_LOOKED_AT) return [];
  const record = recordOf(end, environmentTarget(repo, "staging"));
  if (record === null) return [`${short(wanted)} is ready, and staging has no record`];
  const live = record.live?.sha ?? null;
  // What is live stays, also where a re-run turned its checks red. Where nothing is live yet, only the tip is a candidate.
  if (live === null ? ready > 0 : line.slice(0, ready + 1).includes(live)) return [];
  const behaviour = behaviourOf(end, ours, wanted);
  if (behaviour === "crashes later") return [];
  const held = holdsOf(end, record.target).some(({ sha }) => sha === wanted);
  if (behaviour !== "good" && (record.failed?.sha === wanted || held)) return [];
  return [`${short(wanted)} is ready (${behaviour}), and ${short(live)} is live (${record.phase}: ${record.because})`];
}

function production(end: End, ours: Ours): string[] {
  const { repo } = ours;
  const config = meaningOf(end.world.github.truth.file(repo, ".proa.yml", "main"));
  if (config.broken || config.approve || ENVIRONMENTS.some((name) => isSpecial(end, ours, name))) return [];
  if (end.story.movedBack.has(repo)) return [];
  const [from, to] = ENVIRONMENTS.map((name) => recordOf(end, environmentTarget(repo, name)));
  const sha = from?.live?.sha ?? null;
  if (sha === null || (from?.rollout ?? null) !== null || to?.live?.sha === sha) return [];
  // A check that turned red since stops the promotion, and so does what failed here after it was well in staging.
  if (!isGreenLater(end, ours, sha) || behaviourOf(end, ours, sha) !== "good") return [];
  return [`${short(sha)} is live in staging, and ${short(to?.live?.sha)} in production (${to?.phase}: ${to?.because})`];
}

/** People's hands and orders were in it: what it ends with is theirs to say. */
function isSpecial(end: End, ours: Ours, environment: string): boolean {
  const { repo } = ours;
  const ordered = end.story.commands.some(
    ({ repo: at, body }) => at === repo && /^\/(rollback|deploy|release|approve)/.test(body),
  );
  const pressed = end.story.pressed.includes(`${repo.id} proa/${environment} report`);
  const namespace = environmentNamespace(end, ours, environment)?.name ?? "";
  return ordered || pressed || end.story.touched.has(namespace);
}

const isReady = (end: End, ours: Ours, sha: Sha): boolean =>
  isGreenLater(end, ours, sha) && imagesOf(end, ours, sha) !== null;

/** A commit without checks of its own is judged by the pull request it merged, if it holds the same files. */
function isGreenLater(end: End, { repo }: Ours, sha: Sha): boolean {
  const own = end.world.github.truth.contextPassed(repo, sha, end.plan.ci.check);
  if (own !== null) return own;
  const pull = end.world.github.truth.pulls(repo).find(({ mergeCommit }) => mergeCommit === sha);
  if (pull === undefined || repo.git.commit(pull.head.sha)?.tree !== repo.git.commit(sha)?.tree) return false;
  return isGreen(end, repo, pull.head.sha);
}

function promoted(end: End, { repo }: Ours): string[] {
  const staged = new Set(releasesOf(end, environmentTarget(repo, "staging")).map(({ key }) => key));
  return releasesOf(end, environmentTarget(repo, "production"))
    .filter(({ key }) => !staged.has(key))
    .map(({ rev, sha }) => `release ${rev} of ${short(sha)} never was in staging`);
}

function green(end: End, ours: Ours): string[] {
  const { repo } = ours;
  const staging = environmentTarget(repo, "staging");
  const targets = [staging, ...previewsOf(end, ours)];
  return targets.flatMap((target) =>
    releasesOf(end, target)
      .filter(({ kind, sha }) => kind === "deploy" && !wasGreen(end, ours, sha))
      .map(({ rev, sha }) => `release ${rev} of ${short(sha)} for ${target.kind}`),
  );
}

/** Some run of its check passed, its own or its pull request's. */
function wasGreen(end: End, { repo }: Ours, sha: Sha): boolean {
  const heads = end.world.github.truth.pulls(repo).filter(({ mergeCommit }) => mergeCommit === sha);
  return [sha, ...heads.map(({ head }) => head.sha)].some((commit) =>
    end.world.github.truth
      .checkRuns(repo, commit)
      .some(({ view }) => view.name === end.plan.ci.check && view.conclusion === "success"),
  );
}

function built(end: End, ours: Ours): string[] {
  const { repo, planned } = ours;
  const alone = planned.services.length === 1;
  const targets = [environmentTarget(repo, "staging"), ...(alone ? previewsOf(end, ours) : [])];
  return targets.flatMap((target) =>
    releasesOf(end, target).flatMap(({ rev, sha, services }) =>
      services
        .filter(({ name }) => !end.story.movedTags.has(`${imageOf(planned.name, name)}:${sha}`))
        .filter(({ digest }) => builtFrom(end, digest) !== sha)
        .map(({ name, digest }) => `release ${rev} of ${short(sha)} has ${name} of ${short(builtFrom(end, digest))}`),
    ),
  );
}

const previewsOf = (end: End, { repo }: Ours) =>
  end.world.github.truth.pulls(repo).map(({ number }) => ({ kind: "preview", repoId: repo.id, number }) as const);

function recorded(end: End, ours: Ours): string[] {
  return ENVIRONMENTS.flatMap((environment) => {
    const record = recordOf(end, environmentTarget(ours.repo, environment));
    const namespace = environmentNamespace(end, ours, environment);
    if (!record?.live || record.rollout !== null || namespace === null) return [];
    // Where the last rollout failed and nothing was put back, its remains are still there.
    if (end.story.touched.has(namespace.name) || (record.failed !== null && record.failed.rev > record.live.rev))
      return [];
    const { digests, sha } = record.live;
    return namespace.deployments
      .filter(({ name, image }) => digests[name] !== undefined && !image.endsWith(digests[name]))
      .map(
        ({ name, image }) =>
          `${environment}/${name} runs ${short(builtFrom(end, image))}, and the record says ${short(sha)}`,
      );
  });
}
