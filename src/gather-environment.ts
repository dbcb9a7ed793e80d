import type { GitHub } from "./adapters/github.ts";
import type { KnownTarget } from "./adapters/store.ts";
import { CONFIG_PATH } from "./core/changes.ts";
import type { Verdict } from "./core/checks.ts";
import type { EnvironmentConfig, RepoConfig } from "./core/config.ts";
import { rollbackTo } from "./core/environment-commands.ts";
import type { Candidate, EnvironmentSeen, Relation, Source } from "./core/environment-seen.ts";
import { judgeChecks, judgeEnvironmentCommit } from "./core/gate.ts";
import type { Commit } from "./core/github.ts";
import { LABEL, type Millis, type RepoName, type Sha, short, type Target } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { read } from "./config-read.ts";
import { permissions, refuseAnother } from "./gather-preview.ts";
import { resolveImages } from "./images.ts";

export type EnvironmentTarget = Extract<Target, { kind: "env" }>;

/** How many commits of a busy branch are looked at, newest first, for one that is ready. */
const CANDIDATES = 8;

interface At {
  readonly target: EnvironmentTarget;
  readonly state: TargetState;
  readonly repo: RepoName;
  readonly github: GitHub;
  readonly config: RepoConfig;
  readonly env: EnvironmentConfig;
  readonly now: Millis;
  /** `/deploy` was asked for: a gate that waits for exactly that is passed by it. */
  readonly asked: boolean;
}

/** Reads an environment's world as it is now; changes nothing. */
export async function gatherEnvironment(
  target: EnvironmentTarget,
  {
    state,
    known,
    hinted,
    active,
  }: { state: TargetState; known: KnownTarget; hinted: TargetState["expecting"]; active: boolean },
  fx: Effects,
): Promise<EnvironmentSeen> {
  const { repo } = state;
  const github = fx.github.installation(state.installation);
  const back = rollbackTo(state);
  const [repository, commands, previous] = await Promise.all([
    github.repository(repo),
    permissions(known, repo, github),
    back === null ? null : fx.store.release(target, back.rev),
  ]);
  const now = fx.clock.now();
  const base = {
    now,
    state,
    commands,
    holds: known.holds,
    repositoryActive: active,
    previous,
    namespaceProblem: null,
    hinted,
  };
  const nothing = (because: string) => ({ kind: "nothing", because }) as const;
  if (repository === null)
    return { ...base, config: { problems: [], sha: null }, env: null, source: nothing(`GitHub did not show ${repo}`) };
  refuseAnother(target, repo, repository.id);
  const config = read(await github.file(repo, CONFIG_PATH, repository.defaultBranch), repository.defaultBranch);
  if ("problems" in config) {
    const sha = (await github.branch(repo, repository.defaultBranch))?.sha ?? null;
    return { ...base, config: { ...config, sha }, env: null, source: nothing(".proa.yml cannot be read") };
  }
  const env = config.config.environments.find(({ name }) => name === target.environment) ?? null;
  if (env === null) return { ...base, config, env, source: nothing(".proa.yml has no such environment") };

  const asked = commands.some(({ command }) => command.verb === "deploy");
  const at: At = { target, state, repo, github, config: config.config, env, now, asked };
  const [source, namespaceProblem] = await Promise.all([
    env.from.kind === "branch" ? fromBranch(at, env.from.branch, fx) : fromEnvironment(at, env.from.environment, fx),
    namespaceProblems(at, fx),
  ]);
  return { ...base, config, env, source, namespaceProblem };
}

/** First-parent commits of the branch that are ahead of what is live, newest first. */
async function fromBranch(at: At, branch: string, fx: Effects): Promise<Source> {
  const { github, repo, state } = at;
  const tip = await github.branch(repo, branch);
  if (tip === null) return { kind: "nothing", because: `the branch ${branch} does not exist` };
  const live = state.live?.sha ?? null;
  if (live === tip.sha) return { kind: "candidates", tip: tip.sha, relation: "identical", candidates: [] };
  const { relation, commits } =
    live === null ? { relation: "first" as const, commits: [tip] } : await since(at, live, tip);
  const judged = await newestReady(commits.slice(0, CANDIDATES), (commit) => candidate(at, commit, fx));
  return { kind: "candidates", tip: tip.sha, relation, candidates: await withContained(judged, commits, at) };
}

/** Pull requests merged shortly before one another go out together: the newest that is ready brings those before it, and each is told. */
async function withContained(
  judged: readonly Candidate[],
  commits: readonly Commit[],
  { github, repo }: At,
): Promise<readonly Candidate[]> {
  const newest = judged.at(-1);
  if (newest === undefined || !isReady(newest)) return judged;
  const older = commits.slice(judged.length, judged.length + CANDIDATES);
  const found = await Promise.all(
    older.map(async ({ sha }) =>
      (await github.pullRequestsOf(repo, sha)).filter(({ mergeCommit }) => mergeCommit === sha),
    ),
  );
  const pulls = [...newest.pulls, ...found.flat().map(({ number }) => number)];
  return [...judged.slice(0, -1), { ...newest, pulls: [...new Set(pulls)] }];
}

async function since(
  { github, repo }: At,
  live: Sha,
  tip: Commit,
): Promise<{ relation: Relation; commits: readonly Commit[] }> {
  const comparison = await github.compare(repo, live, tip.sha);
  // The live commit is gone from the repository (a force push and a clean-up): nothing is known to contain it.
  if (comparison === null) return { relation: "diverged", commits: [tip] };
  return { relation: comparison.status, commits: firstParents(tip, comparison.commits) };
}

/** The branch's own history, without what merges brought in: what was the branch's tip once, and so was meant to be deployed. */
export function firstParents(tip: Commit, commits: readonly Commit[]): Commit[] {
  const bySha = new Map([...commits, tip].map((commit) => [commit.sha, commit]));
  const chain: Commit[] = [];
  for (
    let at = bySha.get(tip.sha);
    at !== undefined;
    at = at.parents[0] === undefined ? undefined : bySha.get(at.parents[0])
  ) {
    chain.push(at);
    bySha.delete(at.sha);
  }
  return chain;
}

/** Judges newest first and stops at the first that may go: older ones cannot matter then. */
async function newestReady(
  commits: readonly Commit[],
  judge: (commit: Commit) => Promise<Candidate>,
): Promise<Candidate[]> {
  const judged: Candidate[] = [];
  for (const commit of commits) {
    const next = await judge(commit);
    judged.push(next);
    if (isReady(next)) break;
  }
  return judged;
}

const isReady = ({ verdict, images }: Candidate): boolean =>
  verdict.kind === "pass" && images.every(({ found }) => found.kind === "digest");

async function candidate(at: At, commit: Commit, fx: Effects): Promise<Candidate> {
  const { github, repo, config, env, state, target, now, asked } = at;
  const { sha } = commit;
  const branch = env.from.kind === "branch" ? env.from.branch : "";
  const [push, rules, pulls, images] = await Promise.all([
    github.checks(repo, sha),
    github.branchRules(repo, branch),
    github.pullRequestsOf(repo, sha),
    resolveImages({ repoId: target.repoId, repo, services: config.services, sha }, fx),
  ]);
  const pull =
    pulls.find(({ merged, base, mergeCommit }) => merged && base.ref === branch && mergeCommit === sha) ?? null;
  const gate =
    asked && config.gate.production === "explicit" ? { ...config.gate, production: "auto" as const } : config.gate;
  const own = { appId: fx.installation.appId, contextPrefix: "proa/" } as const;
  const firstSeenAt = state.wanted?.sha === sha ? state.wanted.since : now;
  const input = { environment: env.name, push, rules, gate, own, firstSeenAt, now };
  // The pull request's head is worth two more reads only where the commit has nothing of its own to be judged by.
  const silent =
    push.runs.every(({ appId }) => appId === own.appId) &&
    push.statuses.every(({ context }) => context.startsWith("proa/"));
  const merged = silent && pull !== null ? await mergedHead(at, commit, pull) : null;
  const verdict = judgeEnvironmentCommit({ ...input, merged });
  return { sha, verdict, images, authors: pull ? [pull.author] : [], pulls: pull ? [pull.number] : [] };
}

async function mergedHead({ github, repo }: At, commit: Commit, pull: { number: number; head: { sha: Sha } }) {
  const [head, checks] = await Promise.all([github.commit(repo, pull.head.sha), github.checks(repo, pull.head.sha)]);
  return { checks, treeEqual: head !== null && head.tree === commit.tree, number: pull.number };
}

/** What is live and healthy in the environment before, with the very digests it runs there. */
async function fromEnvironment(at: At, environment: string, fx: Effects): Promise<Source> {
  const { target, state, github, repo, config, now } = at;
  const before: EnvironmentTarget = { kind: "env", repoId: target.repoId, environment };
  const { state: source, holds } = await fx.store.load(before);
  if (!source?.live) return { kind: "nothing", because: `${environment} has nothing healthy yet` };
  const { live } = source;
  if (state.live?.sha === live.sha && state.live.key === live.key)
    return { kind: "candidates", tip: live.sha, relation: "identical", candidates: [] };
  // The hold is written before a rollback's first write: from then on what is still live there goes nowhere.
  const held = holds.find(({ sha }) => sha === live.sha);
  if (held !== undefined)
    return { kind: "nothing", because: `${short(live.sha)} is on hold in ${environment} (${held.because})` };
  const [release, comparison, push] = await Promise.all([
    fx.store.release(before, live.rev),
    state.live === null || state.live.sha === live.sha ? null : github.compare(repo, state.live.sha, live.sha),
    github.checks(repo, live.sha),
  ]);
  if (release === null)
    return { kind: "nothing", because: `${environment}'s release of ${short(live.sha)} is not in the store` };
  const relation: Relation =
    state.live === null ? "first" : state.live.sha === live.sha ? "ahead" : (comparison?.status ?? "diverged");
  const images = release.services.map(({ name, image, digest }) => ({
    service: name,
    image,
    tag: "",
    found: { kind: "digest", digest, moved: null } as const,
  }));
  const verdict = stillGreen(
    judgeChecks({
      checks: push,
      rules: { required: [], workflows: [] },
      gate: config.gate,
      own: { appId: fx.installation.appId, contextPrefix: "proa/" },
      firstSeenAt: live.healthyAt,
      now,
    }),
  );
  const candidates: Candidate[] = [{ sha: live.sha, verdict, images, authors: [release.actor], pulls: release.pulls }];
  return { kind: "candidates", tip: live.sha, relation, candidates };
}

/** The commit passed its gate on the way to the environment before; here only a check that has turned red since stops it. */
function stillGreen(verdict: Verdict): Verdict {
  return verdict.kind === "fail" ? verdict : { kind: "pass", because: "its checks are still green" };
}

/** An environment's namespace is its owner's: it must exist in each cluster and name this repository. */
async function namespaceProblems({ env, target }: At, fx: Effects): Promise<string | null> {
  const problems = await Promise.all(
    env.clusters.map(async (name) => {
      const cluster = fx.clusters.get(name);
      if (cluster === undefined)
        return `there is no cluster ${name} in this installation (${[...fx.clusters.keys()].join(", ")})`;
      const namespace = await cluster.namespace(env.namespace);
      const label = `${LABEL.repositoryId}=${target.repoId}`;
      if (namespace === null)
        return `the namespace ${env.namespace} does not exist in ${name}: create it and label it ${label}`;
      if (namespace.deletedAt !== null) return `the namespace ${env.namespace} in ${name} is being deleted`;
      const owner = namespace.labels[LABEL.repositoryId];
      if (owner === `${target.repoId}`) return null;
      const command = `kubectl label namespace ${env.namespace} ${label}`;
      return owner === undefined
        ? `the namespace ${env.namespace} in ${name} does not say that it is this repository's: ${command}`
        : `the namespace ${env.namespace} in ${name} belongs to repository ${owner}, not to this one`;
    }),
  );
  return problems.find((problem) => problem !== null) ?? null;
}
