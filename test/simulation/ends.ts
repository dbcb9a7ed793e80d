import type { PullRequest } from "../../src/core/github.ts";
import { LABEL, type RepoId, type Revision, type Sha, type Target, targetId } from "../../src/core/names.ts";
import type { CommandRecord, Hold, Release, TargetState } from "../../src/core/state.ts";
import type { NamespaceTruth } from "./cluster.ts";
import type { Repo } from "./github.ts";
import type { End } from "./invariants.ts";
import { folderOf, imageOf, type Meaning, meaningOf, namespaceOf, type RepositoryPlan } from "./scenario.ts";

/** What several invariants ask about how a world ended. None of it is Proa's own judgement. */

export interface Ours {
  readonly repo: Repo;
  readonly planned: RepositoryPlan;
}

export const repositoriesOf = ({ world, plan }: End): Ours[] =>
  world.repositories.flatMap((repo, index) => {
    const planned = plan.repositories[index];
    return planned === undefined ? [] : [{ repo, planned }];
  });

export const previewTarget = ({ id }: { id: RepoId }, number: number): Target => ({
  kind: "preview",
  repoId: id,
  number,
});
export const environmentTarget = ({ id }: { id: RepoId }, environment: string): Target => ({
  kind: "env",
  repoId: id,
  environment,
});

const items = ({ world }: End, target: Target, prefix: string): unknown[] =>
  world.table.query(`target/${targetId(target)}`, prefix).map(({ value }) => value);

const stateOf = (end: End, target: Target) =>
  (items(end, target, "state") as { readonly record: { readonly state: TargetState; readonly holds: Hold[] } }[])[0]
    ?.record;

export const recordOf = (end: End, target: Target): TargetState | null => stateOf(end, target)?.state ?? null;
export const holdsOf = (end: End, target: Target): readonly Hold[] => stateOf(end, target)?.holds ?? [];
export const releasesOf = (end: End, target: Target): Release[] =>
  (items(end, target, "release/") as { readonly record: Release }[]).map(({ record }) => record);
export const commandsOf = (end: End, target: Target): CommandRecord[] =>
  (items(end, target, "command/") as { readonly record: CommandRecord }[]).map(({ record }) => record);
export const releaseOf = (end: End, target: Target, rev: Revision): Release | null =>
  releasesOf(end, target).find((release) => release.rev === rev) ?? null;

/** Every target that has a record. */
export function targetsOf(end: End): Target[] {
  return end.world.repositories.flatMap(({ id }) =>
    end.world.table.query(`repo/${id}`, "target/").map(({ value }) => value as Target),
  );
}

/** The namespace that carries the labels of this pull request's preview. */
export const previewNamespaces = ({ world }: End): { repoId: number; number: number; namespace: NamespaceTruth }[] =>
  world.cluster.truth.namespaces().flatMap((namespace) => {
    const { [LABEL.repositoryId]: repoId, [LABEL.pullRequest]: number } = namespace.labels;
    return number === undefined ? [] : [{ repoId: Number(repoId), number: Number(number), namespace }];
  });

export const environmentNamespace = ({ world }: End, { planned }: Ours, environment: string): NamespaceTruth | null =>
  world.cluster.truth.namespace(namespaceOf(planned.name, environment));

/** What a pull request's `.proa.yml` comes to: its base's, unless the head's own has a mistake. */
export function meaningFor({ world }: End, repo: Repo, { head, base }: PullRequest): Meaning {
  const meaning = (ref: string) => meaningOf(world.github.truth.file(repo, ".proa.yml", ref));
  const own = meaning(base.ref);
  return own.broken || !meaning(head.sha).broken ? own : { ...own, broken: true };
}

/** Why an open pull request gets no preview; null: it gets one. */
export function excluded({ draft, labels, head, base }: PullRequest, { drafts, label }: Meaning): string | null {
  if (head.repoId !== base.repoId) return "it comes from a fork";
  if (base.ref !== "main") return `it goes into ${base.ref}`;
  if (draft && !drafts) return "it is a draft";
  return label !== null && !labels.includes(label) ? `it lacks the label ${label}` : null;
}

/** Its required check has passed. */
export const isGreen = ({ world, plan }: End, repo: Repo, sha: Sha): boolean =>
  world.github.truth.contextPassed(repo, sha, plan.ci.check) === true;

/** The images of a commit that are in the registry; null: one is missing. */
export function imagesOf({ world }: End, { planned }: Ours, sha: Sha): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const service of planned.services) {
    const digest = world.registry.now(imageOf(planned.name, service), sha);
    if (digest === null) return null;
    found[service] = digest;
  }
  return found;
}

/** How the commit's services behave, the worst first; "good" where nothing is wrong with any. */
export function behaviourOf(end: End, ours: Ours, sha: Sha): string {
  const images = Object.values(imagesOf(end, ours, sha) ?? {});
  const behaviours = images.map((digest) => end.world.github.truth.built(digest as never)?.behaviour ?? "unknown");
  return behaviours.find((behaviour) => !FINE.has(behaviour)) ?? "good";
}

/** It may be late, or fall once, and is well all the same. */
const FINE: ReadonlySet<string> = new Set(["good", "slow", "stumbles"]);

/** Whether what this image runs is well. */
export const isFine = ({ world }: End, image: string): boolean =>
  FINE.has(world.github.truth.built(image.slice(image.indexOf("@") + 1) as never)?.behaviour ?? "unknown");

/** The commit that a running image was built from; null: not built here. */
export const builtFrom = ({ world }: End, image: string): Sha | null =>
  world.github.truth.built(image.slice(image.indexOf("@") + 1) as never)?.sha ?? null;

export const folder = ({ planned }: Ours, service: string): string => folderOf(planned.services, service);
export const short = (sha: string | null | undefined): string => sha?.slice(0, 7) ?? "nothing";

export const ENVIRONMENTS = ["staging", "production"] as const;
export const namespacesOf = ({ planned }: Ours): string[] =>
  ENVIRONMENTS.map((name) => namespaceOf(planned.name, name));
