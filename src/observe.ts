import type { Workloads } from "./core/cluster.ts";
import type { DeployPlan } from "./core/decision.ts";
import { type Diagnosis, diagnose, logsWanted } from "./core/diagnosis.ts";
import { scalesUp } from "./core/diagnosis-events.ts";
import { rollbackPlan } from "./core/environment-commands.ts";
import { short, targetId } from "./core/names.ts";
import { OutsideError } from "./core/problem.ts";
import { missingRightText } from "./core/rights.ts";
import { evidenceWanted, type Judgement, judgeRollout, type RolloutExpectation, summarize } from "./core/rollout.ts";
import { judgeBake, restartsOf } from "./core/rollout-bake.ts";
import { type Settled, settle } from "./core/settle.ts";
import type { Release, Rollout, TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";
import { type Known, record } from "./record.ts";
import { copiedValues } from "./release.ts";
import { readWorkloads } from "./workloads.ts";

/** What the caller already knows: a write that was refused is judged without looking. */
interface Given {
  readonly release: Release;
  readonly judgement: Judgement;
}

/**
 * A rollback that is to follow. Nothing of it is written yet: the failure and its hold go into the same transaction that claims
 * the rollback's revision, so that a process that dies in between leaves the failed rollout to be judged again, never half a rollback.
 */
export interface Rollback {
  readonly plan: DeployPlan;
  readonly known: Known;
  readonly holds: Settled["holds"];
}

/**
 * One look at a rollout in progress: reads its workloads only, judges them, and writes what follows, unless that is a rollback.
 * Logs and events are fetched on failure alone. When it has ended, the targets that depend on this one look again.
 */
export async function observe(known: Known, given: Given | null, fx: Effects): Promise<Rollback | null> {
  const { state } = known;
  const { rollout, target } = state;
  if (rollout === null) return null;
  const release = given?.release ?? (await fx.store.release(target, rollout.rev));
  if (release === null) throw new Error(`${targetId(target)}: revision ${rollout.rev} has no release`);
  const seen =
    given === null
      ? await readWorkloads({ ...release, clusters: clustersOf(rollout) }, fx)
      : new Map<string, Workloads>();
  const judgement = given?.judgement ?? (await judge(rollout, release, seen, fx));
  const diagnosis = judgement.kind === "failed" ? await explain(state, rollout, release, seen, judgement, fx) : null;
  const restarts = Object.fromEntries(
    rollout.expectations.map((expected) => [restartKey(expected), restartsOf(expected, workloadsOf(seen, expected))]),
  );
  const rollback = release.rollback === "auto" && release.kind === "deploy";
  const settled = settle({ state, release, judgement, restarts, rollback, diagnosis, now: fx.clock.now() });
  fx.log.info("observed", {
    target: targetId(target),
    rev: rollout.rev,
    sha: rollout.sha,
    judgement: judgement.kind,
    because: judgement.because,
  });

  const { next, holds, follow } = settled;
  if (follow.kind === "rollback") {
    const to = await fx.store.release(target, follow.to);
    if (to === null)
      throw new Error(`${targetId(target)}: the release to go back to, ${follow.to}, is not in the store`);
    const plan = rollbackPlan(to, `rolling back to ${short(to.sha)}`, "proa");
    return { plan, known: { ...known, state: next }, holds };
  }
  const saved = await record(known, next, settled.wakeInMs, fx, { holds: { put: holds, remove: [] } });
  if (follow.kind === "done") await wakeFollowers(saved.state, fx);
  return null;
}

/** Environments of the same repository look again: one of them may take its releases from this one. */
async function wakeFollowers({ target, installation, repo }: TargetState, fx: Effects): Promise<void> {
  if (target.kind !== "env") return;
  const others = await fx.store.targetsOf(target.repoId, "env");
  const because = `${target.environment} has ended a rollout`;
  for (const other of others) {
    if (targetId(other) !== targetId(target)) await look(other, { installation, repo, because }, fx);
  }
}

const clustersOf = ({ expectations }: Rollout): string[] => [...new Set(expectations.map(({ cluster }) => cluster))];

const NOTHING: Workloads = { deployments: [], replicaSets: [], pods: [] };
const workloadsOf = (seen: ReadonlyMap<string, Workloads>, { cluster }: { cluster: string }): Workloads =>
  seen.get(cluster) ?? NOTHING;
const restartKey = ({ cluster, service }: { cluster: string; service: string }): string => `${cluster}/${service}`;

async function judge(
  rollout: Rollout,
  release: Release,
  seen: ReadonlyMap<string, Workloads>,
  fx: Effects,
): Promise<Judgement> {
  const now = fx.clock.now();
  const judged = await Promise.all(
    rollout.expectations.map(async (expected) => {
      const live = workloadsOf(seen, expected);
      if (rollout.step === "baking" && rollout.bakeUntil !== null) {
        const baseline = {
          restarts: rollout.restarts[restartKey(expected)] ?? 0,
          from: rollout.bakeUntil - release.bakeMs,
          until: rollout.bakeUntil,
        };
        return { service: expected.service, judgement: judgeBake(expected, live, baseline, now) };
      }
      return {
        service: expected.service,
        judgement: judgeRollout(expected, live, now, await evidence(expected, live, release, fx)),
      };
    }),
  );
  return summarize(judged);
}

/** Asked only where it decides: whether a cluster that is full is growing, whether a failing pull is of an image that is gone. */
async function evidence(
  expected: RolloutExpectation & { cluster: string },
  live: Workloads,
  release: Release,
  fx: Effects,
) {
  const wanted = evidenceWanted(expected, live, fx.clock.now());
  const [events, imageMissing] = await Promise.all([
    wanted.includes("events")
      ? fx.clusters.get(expected.cluster)?.events(release.namespace, expected.startedAt)
      : undefined,
    wanted.includes("registry") ? isDenied(expected.image, fx) : false,
  ]);
  return { imageMissing, scalingUp: events !== undefined && scalesUp(events, expected.startedAt) };
}

/** The registry says now that the image is absent or not ours to read. A registry that cannot be reached proves nothing. */
async function isDenied(image: string, fx: Effects): Promise<boolean> {
  const [name = "", digest = ""] = image.split("@");
  try {
    return (await fx.registries.resolve(name, digest)) === null;
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error;
    return error.problem.code === "forbidden";
  }
}

/** The diagnosis of the first service that failed, with its events and the logs of its most telling pod. */
async function explain(
  state: TargetState,
  rollout: Rollout,
  release: Release,
  seen: ReadonlyMap<string, Workloads>,
  judgement: Judgement,
  fx: Effects,
): Promise<{ headline: string; text: string } | null> {
  const now = fx.clock.now();
  const judged = rollout.expectations.map((expected) => ({
    expected,
    judgement: judgeRollout(expected, workloadsOf(seen, expected), now),
  }));
  const failed = judged.find((candidate) => candidate.judgement.kind === "failed") ?? judged[0];
  if (failed === undefined) return null;
  const { expected } = failed;
  const cluster = fx.clusters.get(expected.cluster);
  const workloads = workloadsOf(seen, expected);
  const unread: string[] = [];
  // A node that is gone takes its pods' logs with it, and a rollback must not wait for them.
  const orSay = async <T>(reading: Promise<T> | undefined, nothing: T): Promise<T> => {
    try {
      return (await reading) ?? nothing;
    } catch (error) {
      if (!(error instanceof OutsideError)) throw error;
      const { missing, detail } = error.problem;
      unread.push(missing === undefined ? detail : missingRightText(missing, state.target));
      return nothing;
    }
  };
  const [events, logs, includeLogs, secrets] = await Promise.all([
    orSay(cluster?.events(release.namespace, expected.startedAt - 5_000), []),
    Promise.all(
      logsWanted(workloads, expected).map(async ({ pod, container, previous }) => {
        const text = await orSay(cluster?.logs(release.namespace, pod, container, { previous, lines: 25 }), "");
        return { pod, container, previous, text };
      }),
    ),
    mayShowLogs(state, fx),
    // Not `orSay`: what nobody knows cannot be taken out of the logs. Only a preview has any, and no rollback waits for it.
    copiedValues(state.target, release, fx),
  ]);
  const diagnosis = diagnose({
    service: expected.service,
    deployment: workloads.deployments.find(({ name }) => name === expected.deployment) ?? null,
    expected,
    workloads,
    events,
    logs,
    judgement,
    oldVersionServes: olderServes(workloads, expected),
    now,
    includeLogs,
    secrets,
  });
  const notRead = [...new Set(unread)].sort().map((because) => `**Not read** ${because}`);
  return { headline: diagnosis.headline, text: [markdown(diagnosis, includeLogs), ...notRead].join("\n\n") };
}

/** Pods of another image are available: every request still has somewhere to go. */
const olderServes = ({ replicaSets }: Workloads, { image }: RolloutExpectation): boolean =>
  replicaSets.some(({ images, available }) => available > 0 && !images.includes(image));

/** Pod logs may hold what a public page must not show. */
async function mayShowLogs(state: TargetState, fx: Effects): Promise<boolean> {
  if (fx.installation.logsInPublic) return true;
  return (await fx.github.installation(state.installation).repository(state.repo))?.private ?? false;
}

function markdown(diagnosis: Diagnosis, withLogs: boolean): string {
  const { details, remedy, events, finalStatus, logs } = diagnosis;
  const fence = (lines: readonly string[]) => ["```", ...lines.map((line) => line.replaceAll("```", "'''")), "```"];
  const parts = [
    ...details,
    ...(remedy === "" ? [] : [`**What to do** ${remedy}`]),
    ...(finalStatus === "" ? [] : [`**Final status** ${finalStatus}`]),
    ...(events.length === 0 ? [] : [["**Events**", ...fence(events)].join("\n")]),
    ...logs.map(({ container, lines }) => [`**Last log lines of \`${container}\`**`, ...fence(lines)].join("\n")),
    ...(withLogs || logs.length > 0 ? [] : ["Pod logs are not shown, because this repository is public."]),
  ];
  return parts.join("\n\n");
}
