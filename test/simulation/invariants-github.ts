import type { TargetState } from "../../src/core/state.ts";
import { type RepoId, statusContext, targetId } from "../../src/core/names.ts";
import { clockTime } from "./chronicle.ts";
import { recordOf, repositoriesOf, short, targetsOf } from "./ends.ts";
import type { End, Invariant } from "./invariants.ts";

/** What GitHub shows in the end. */
export const GITHUB: readonly Invariant[] = [
  { sentence: "a pull request has one comment of Proa's at most", check: comments },
  { sentence: "each target shows at most one Deployment as live, and it is the one that is", check: deployments },
  { sentence: "a commit's status is pending only while its target still has something to wait for", check: pending },
  { sentence: "what Proa wants to say is said", check: said },
  { sentence: "GitHub's limits on writes are kept", check: limits },
];

function comments(end: End): string[] {
  return repositoriesOf(end).flatMap(({ repo }) =>
    end.world.github.truth.pulls(repo).flatMap(({ number }) => {
      const ours = end.world.github.truth.ourComments(repo, number);
      return ours.length > 1 ? [`${repo.name}#${number} has ${ours.length}`] : [];
    }),
  );
}

function deployments(end: End): string[] {
  return repositoriesOf(end).flatMap(({ repo }) => {
    const live = new Map<string, string[]>();
    for (const { body, statuses } of end.world.github.truth.deployments(repo)) {
      const state = statuses.at(-1)?.state ?? "none";
      if (state === "inactive" || state === "failure" || state === "error") continue;
      const [target = ""] = body.key.split("@");
      live.set(target, [...(live.get(target) ?? []), `${body.key} ${state}`]);
    }
    return [...live].flatMap(([target, shown]) => {
      const record = recordOf(end, targetOf(end, target));
      const right = [`${target}@${record?.live?.rev} success`, `${target}@${record?.rollout?.rev} in_progress`];
      const wrong = shown.filter((text) => !right.includes(text));
      return wrong.length === 0 && new Set(shown).size === shown.length
        ? []
        : [`${repo.name}: ${shown.join(", ")}; it should be ${right.join(", ")}`];
    });
  });
}

function targetOf(end: End, id: string) {
  const target = targetsOf(end).find((candidate) => targetId(candidate) === id);
  return target ?? ({ kind: "preview", repoId: 0 as RepoId, number: 0 } as const);
}

function pending(end: End): string[] {
  const waiting = new Set(
    targetsOf(end).flatMap((target) => {
      const record = recordOf(end, target);
      return record === null ? [] : awaited(record).map((sha) => `${target.repoId} ${sha} ${statusContext(target)}`);
    }),
  );
  return repositoriesOf(end).flatMap(({ repo }) =>
    end.world.github.truth.commitsWithStatus(repo).flatMap((sha) => {
      const latest = new Map(end.world.github.truth.statuses(repo, sha).map((status) => [status.context, status]));
      return [...latest.values()]
        .filter(({ context, state }) => context.startsWith("proa/") && state === "pending")
        .filter(({ context }) => !waiting.has(`${repo.id} ${sha} ${context}`))
        .map(({ context, description }) => `${context} of ${short(sha)}: ${description}`);
    }),
  );
}

/** Commits of which more may still be said: what is wanted and not there, and what waits for a newer one to go out. */
function awaited({ wanted, live, phase, open, rollout }: TargetState): string[] {
  const reached = wanted !== null && live?.sha === wanted.sha && rollout === null;
  return [...(wanted === null || reached || phase === "blocked" || phase === "idle" ? [] : [wanted.sha]), ...open];
}

function said(end: End): string[] {
  const { kernel, table } = end.world;
  const installations = new Set(end.world.repositories.map(({ installation }) => installation));
  return [...installations]
    .flatMap((installation) =>
      table
        .query(`outbox/${installation}`, "due/")
        .map(({ sk, value }) => ({ sk, at: (value as { at: number }).at }))
        .filter(({ at }) => at <= kernel.now() - 60_000)
        .map(({ sk, at }) => `${sk} since ${clockTime(at)}`),
    )
    .concat(unsaid(end));
}

/** The statuses that the records stand for, told by the words' own function, against what GitHub shows. */
function unsaid(end: End): string[] {
  return targetsOf(end).flatMap((target) => {
    const record = recordOf(end, target);
    const repo = end.world.repositories.find(({ id }) => id === target.repoId);
    const sha = record?.wanted?.sha;
    if (record === null || repo === undefined || sha === undefined) return [];
    const shown = end.world.github.truth.statuses(repo, sha, statusContext(target)).at(-1);
    const live = record.live?.sha === sha && record.rollout === null && record.failed?.sha !== sha;
    const right = live
      ? ["success"]
      : record.phase === "failed"
        ? ["failure", "pending"]
        : ["pending", "failure", "error", "success"];
    return shown !== undefined && right.includes(shown.state)
      ? []
      : [
          `${statusContext(target)} of ${targetId(target)} ${short(sha)} is ${shown?.state ?? "not there"}, and it is ${record.phase}: ${record.because}`,
        ];
  });
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits */
const LIMITS = [
  { most: 80, windowMs: 60_000, name: "a minute" },
  { most: 500, windowMs: 3_600_000, name: "an hour" },
] as const;

function limits({ world }: End): string[] {
  const installations = new Set(world.repositories.map(({ installation }) => installation ?? 0));
  return [...installations].flatMap((installation) =>
    LIMITS.flatMap(({ most, windowMs, name }) => {
      const { from, requests } = world.github.truth.busiest(windowMs, installation);
      return requests > most ? [`${requests} in ${name} from ${clockTime(from)}`] : [];
    }),
  );
}
