import { ANNOTATION, LABEL, parseRepoId, type Target, targetId } from "../../src/core/names.ts";
import { readable } from "../journeys/readable.ts";
import type { Lane } from "./lane.ts";
import type { Town } from "./town.ts";

/** What a journey came to, in words that are the same in every lane and at every point. */
export type Outcome = Readonly<Record<string, readonly string[]>>;

/** What stood before the journey began, by target: only what it added counts. */
export type Before = ReadonlyMap<
  string,
  { readonly rev: number; readonly answers: readonly string[]; readonly held: readonly string[] }
>;

export async function standing({ world }: Town, lane: Lane): Promise<Before> {
  const found = await statesOf(world, lane);
  return new Map(
    found.map(({ state, holds }) => [
      targetId(state.target),
      { rev: state.rev, answers: state.answers.map(({ id }) => id), held: holds.map(({ sha }) => sha) },
    ]),
  );
}

export async function outcomeOf(town: Town, lane: Lane, before: Before): Promise<Outcome> {
  const [statuses, deployments, comments, cluster, records] = await Promise.all([
    statusesOf(lane),
    deploymentsOf(lane),
    commentsOf(lane),
    clusterOf(town, lane, before),
    recordsOf(town, lane, before),
  ]);
  const { owner } = lane;
  const dead = (await town.world.queue.deadLetters()).filter(
    ({ body }) => body.includes(`"${owner}/`) || body.includes(`/${lane.id}`),
  );
  const plain = (lines: readonly string[]): string[] => lines.map((line) => inPlainWords(line, lane)).sort();
  return {
    statuses: plain(statuses),
    deployments: plain(deployments),
    comments: plain(comments),
    cluster: plain(cluster),
    records: plain(records),
    "dead letters": dead.map(({ body }) => body),
  };
}

function inPlainWords(text: string, { owner, pull, commits }: Lane): string {
  return (
    readable(text, Object.fromEntries(commits))
      // Which of a crashing pod's states was looked at is chance.
      .replaceAll(/\bweb: [^.]*(?:CrashLoopBackOff|exit 1|restart)[^.]*/g, "web: crashed")
      .replaceAll(/person-\d+/g, "PERSON")
      .replaceAll(owner, "OWNER")
      .replaceAll(new RegExp(String.raw`\b(pr-|#|pulls/)${pull}\b`, "g"), "$1N")
      .replaceAll(/\b[0-9a-f]{7}\b|\b[0-9a-f]{40}\b/g, "<before>")
  );
}

/** The last word on each commit, and how many different ends it was told of. A repeat of the same words is no other end. */
async function statusesOf({ octokit, at, commits }: Lane): Promise<string[]> {
  const all = await Promise.all(
    [...commits].map(async ([name, ref]) => {
      const { data } = await octokit.rest.repos.listCommitStatusesForRef({ ...at, ref, per_page: 100 });
      const contexts = [...new Set(data.map(({ context }) => context))].filter((context) =>
        context.startsWith("proa/"),
      );
      return contexts.map((context) => {
        const said = data.filter((status) => status.context === context);
        const ends = new Set(said.map(({ state }) => state).filter((state) => state !== "pending"));
        return `<${name}> ${context} ${said[0]?.state}, told of ${ends.size} ends: ${said[0]?.description}`;
      });
    }),
  );
  const checks = await Promise.all(
    [...commits].map(async ([name, ref]) => {
      const { data } = await octokit.rest.checks.listForRef({ ...at, ref, per_page: 100 });
      const ours = data.check_runs.filter((run) => run.app?.slug === "proa");
      return ours.map((run) => `<${name}> check run ${run.name} ${run.conclusion ?? run.status}: ${run.output.title}`);
    }),
  );
  return [...all, ...checks].flat();
}

/** GitHub's newest; the ones from before are there to be seen inactive. */
const NEWEST = 6;

async function deploymentsOf({ octokit, at, commits }: Lane): Promise<string[]> {
  const { data } = await octokit.rest.repos.listDeployments({ ...at, per_page: NEWEST });
  const names = new Map([...commits].map(([name, sha]) => [sha, name]));
  const seen = await Promise.all(
    data.map(async ({ id, sha, environment, task }) => {
      const listed = await octokit.rest.repos.listDeploymentStatuses({ ...at, deployment_id: id });
      return {
        name: names.get(sha),
        live: listed.data[0]?.state === "success",
        environment,
        task,
        state: listed.data[0]?.state,
      };
    }),
  );
  const environments = [...new Set(seen.map(({ environment }) => environment))];
  return [
    ...seen
      .filter(({ name }) => name !== undefined)
      .map(({ name, environment, task, state }) => `${environment} ${task} <${name}> ${state}`),
    ...environments.map((name) => `${name}: ${seen.filter((one) => one.environment === name && one.live).length} live`),
  ];
}

async function commentsOf({ octokit, at, pull }: Lane): Promise<string[]> {
  if (pull === 0) return [];
  const { data } = await octokit.rest.issues.listComments({ ...at, issue_number: pull, per_page: 100 });
  const ours = data.filter(({ user }) => user?.login === "proa[bot]");
  const reactions = await Promise.all(
    data
      .filter(({ body }) => body?.startsWith("/"))
      .map(async ({ id, body }) => {
        const listed = await octokit.rest.reactions.listForIssueComment({ ...at, comment_id: id });
        return `${body}: ${listed.data.map(({ content }) => content).join(" ")}`;
      }),
  );
  return [...ours.map(({ body }) => body ?? ""), ...reactions];
}

async function clusterOf({ world }: Town, lane: Lane, before: Before): Promise<string[]> {
  const cluster = world.fx.clusters.get("default");
  if (cluster === undefined) throw new Error("the world has no cluster");
  const ours = await cluster.ourNamespaces();
  const previews = ours.filter(({ labels }) => labels[LABEL.repositoryId] === `${lane.id}`).map(({ name }) => name);
  const places = [...previews, ...lane.namespaces];
  const nameOfCommit = new Map([...lane.commits].map(([name, sha]) => [sha, name]));
  const seen = await Promise.all(
    places.map(async (place) => {
      const { deployments } = await cluster.workloads(place, ["web"]);
      return deployments.map(({ name, annotations, containers }) => {
        const sha = annotations[ANNOTATION.commit] ?? "";
        const commit = nameOfCommit.get(sha) ?? "before";
        const target = annotations[ANNOTATION.target] ?? "";
        const revision = Number(annotations[ANNOTATION.revision]) - (before.get(target)?.rev ?? 0);
        const own = containers.some(({ image }) => image.endsWith(`@${lane.digests.get(sha)}`));
        return `${place}: ${name} runs <${commit}>, ${own ? "its own" : "another"} digest, revision +${revision}`;
      });
    }),
  );
  return [...places.map((place) => `namespace ${place}`), ...seen.flat()];
}

async function recordsOf({ world }: Town, lane: Lane, before: Before): Promise<string[]> {
  const found = await statesOf(world, lane);
  return found.flatMap(({ state, commands, holds }) => {
    const { target, phase, rev, live, rollout, tombstone, awaiting, answers, failed } = state;
    if (target.kind === "preview" && target.number !== lane.pull) return [];
    const earlier = before.get(targetId(target));
    const name = target.kind === "env" ? target.environment : "preview";
    const given = answers.filter(({ id }) => !(earlier?.answers ?? []).includes(id));
    return [
      `${name}: ${phase}, revision +${rev - (earlier?.rev ?? 0)}, live ${live?.sha ?? "nothing"}, failed ${failed?.sha ?? "nothing"}`,
      `${name}: ${rollout === null ? "no" : "a"} rollout, ${tombstone === null ? "no" : "a"} tombstone, ${awaiting === null ? "no" : "an"} approval awaited`,
      `${name}: ${commands.length} commands wait`,
      ...holds
        .filter(({ sha }) => !earlier?.held.includes(sha))
        .map(({ sha, by }) => `${name}: hold of ${sha} by ${by}`),
      ...given.map(({ verb, accepted, answer }) => `${name}: /${verb} ${accepted ? "accepted" : "refused"}: ${answer}`),
    ];
  });
}

async function statesOf({ store }: Town["world"], { id }: Lane) {
  const repoId = parseRepoId(id);
  const targets: Target[] = repoId === null ? [] : await store.targetsOf(repoId);
  const loaded = await Promise.all(targets.map((target) => store.load(target)));
  return loaded.flatMap((known) => (known.state === null ? [] : [{ ...known, state: known.state }]));
}
