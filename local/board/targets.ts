import type { EventView, PodView, Workloads } from "../../src/core/cluster.ts";
import { ANNOTATION, type RepoId, type Target, targetId } from "../../src/core/names.ts";
import type { Release, TargetState } from "../../src/core/state.ts";
import type { World } from "../world.ts";

/** How long what a quiet namespace showed is good for; a rollout is read anew each time. */
const QUIET_MS = 5_000;
const EVENTS_SINCE_MS = 15 * 60_000;
const MOST_RELEASES = 12;
const MOST_EVENTS = 40;

/** Every target as Proa's record and the cluster have it: previews by number, then environments in the order of `.proa.yml`. */
export function createTargetReader({ store, fx, repo, clock }: World) {
  const kept = new Map<string, { readonly at: number; readonly inside: Promise<Inside> }>();

  function inside(cluster: string, namespace: string, quiet: boolean): Promise<Inside> {
    const key = `${cluster}/${namespace}`;
    const now = clock.nowMs();
    const known = kept.get(key);
    if (known !== undefined && now - known.at < (quiet ? QUIET_MS : 1)) return known.inside;
    const reading = look(cluster, namespace, now);
    kept.set(key, { at: now, inside: reading });
    return reading;
  }

  async function look(cluster: string, namespace: string, now: number): Promise<Inside> {
    const kubernetes = fx.clusters.get(cluster);
    if (kubernetes === undefined) return NOTHING;
    try {
      const [workloads, events] = await Promise.all([
        kubernetes.workloads(namespace),
        kubernetes.events(namespace, now - EVENTS_SINCE_MS),
      ]);
      return { workloads, events: newestFirst(events).slice(0, MOST_EVENTS), problem: null };
    } catch (error) {
      return { ...NOTHING, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  async function readTarget(target: Target) {
    const [{ state, holds }, releases] = await Promise.all([store.load(target), store.releases(target)]);
    if (state === null) return null;
    const quiet = state.rollout === null && (state.phase === "live" || state.phase === "idle");
    const places = Object.entries(state.placements).sort(([a], [b]) => (a < b ? -1 : 1));
    const clusters = await Promise.all(
      places.map(async ([cluster, { namespace }]) =>
        clusterView({ cluster, namespace }, await inside(cluster, namespace, quiet)),
      ),
    );
    return {
      ...summary(state),
      holds,
      clusters,
      releases: releases
        .toReversed()
        .slice(0, MOST_RELEASES)
        .map((release) => releaseView(release, state)),
    };
  }

  return async () => {
    const targets = await store.targetsOf(repo.id as RepoId);
    const views = (await Promise.all(targets.map(readTarget))).filter((view) => view !== null);
    return {
      previews: views.filter(({ kind }) => kind === "preview").sort((a, b) => Number(a.name) - Number(b.name)),
      environments: views.filter(({ kind }) => kind === "env"),
    };
  };
}

interface Inside {
  readonly workloads: Workloads;
  readonly events: readonly EventView[];
  readonly problem: string | null;
}

/** What happened again and again is one line with its count. */
function newestFirst(events: readonly EventView[]): EventView[] {
  const lines = new Map<string, EventView>();
  for (const event of events) {
    const key = `${event.about} ${event.reason} ${event.message}`;
    const same = lines.get(key);
    const lastAt = Math.max(event.lastAt ?? 0, same?.lastAt ?? 0);
    lines.set(key, { ...event, count: event.count + (same?.count ?? 0), lastAt });
  }
  return [...lines.values()].reverse().sort((a, b) => (b.lastAt ?? 0) - (a.lastAt ?? 0));
}

const NOTHING: Inside = { workloads: { deployments: [], replicaSets: [], pods: [] }, events: [], problem: null };

function summary(state: TargetState) {
  const { target, phase, because, rev, wanted, live, previous, awaiting, failed, report, notes, url, tombstone } =
    state;
  const name = target.kind === "preview" ? `${target.number}` : target.environment;
  const rollout = state.rollout === null ? null : pick(state.rollout);
  return {
    id: targetId(target),
    kind: target.kind,
    name,
    phase,
    because,
    rev,
    wanted,
    live,
    previous,
    awaiting,
    failed,
    report,
    notes,
    url,
    tombstone,
    rollout,
  };
}

const pick = ({ rev, kind, sha, step, startedAt, deadlineAt, bakeUntil }: NonNullable<TargetState["rollout"]>) => ({
  rev,
  kind,
  sha,
  step,
  startedAt,
  deadlineAt,
  bakeUntil,
});

function releaseView(
  { rev, kind, sha, createdAt, actor, services }: Release,
  { live, rollout, failed, previous }: TargetState,
) {
  const outcome =
    live?.rev === rev
      ? "live"
      : rollout?.rev === rev
        ? "rolling"
        : failed?.rev === rev
          ? "failed"
          : previous?.rev === rev
            ? "previous"
            : "past";
  return { rev, kind, sha, createdAt, actor, outcome, digest: services[0]?.digest ?? null };
}

function clusterView(place: { cluster: string; namespace: string }, { workloads, events, problem }: Inside) {
  const deployments = workloads.deployments.map(({ name, replicas, status, annotations }) => ({
    name,
    replicas,
    updated: status.updated,
    ready: status.ready,
    available: status.available,
    revision: annotations[ANNOTATION.revision] ?? null,
    commit: annotations[ANNOTATION.commit] ?? null,
  }));
  const pods = workloads.pods.toSorted((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? -1 : 1));
  return { ...place, problem, deployments, pods: pods.map(podView), events };
}

function podView({ name, createdAt, deletedAt, phase, containers, node }: PodView) {
  const [main] = containers;
  const restarts = containers.reduce((sum, container) => sum + container.restarts, 0);
  const image = main?.image ?? "";
  const digest = image.includes("@") ? image.slice(image.indexOf("@") + 1) : null;
  const previous = main?.last.kind === "terminated";
  return {
    name,
    createdAt,
    node,
    restarts,
    digest,
    container: main?.name ?? null,
    previous,
    ...stateOf(phase, containers, deletedAt !== null),
  };
}

/** In the words of `kubectl get pods`, with what they mean for a person's eye. */
function stateOf(
  phase: string,
  containers: PodView["containers"],
  deleted: boolean,
): { tone: "ok" | "busy" | "bad" | "quiet"; text: string; detail: string } {
  if (deleted) return { tone: "quiet", text: "Terminating", detail: "" };
  const [main] = containers;
  if (main === undefined) return { tone: "busy", text: phase, detail: "" };
  switch (main.state.kind) {
    case "running":
      return main.ready
        ? { tone: "ok", text: "Ready", detail: "" }
        : { tone: "busy", text: "Running, not ready", detail: "" };
    case "waiting": {
      const { reason, message } = main.state;
      const starting = reason === "ContainerCreating" || reason === "PodInitializing" || reason === "";
      return { tone: starting ? "busy" : "bad", text: reason || "Waiting", detail: message };
    }
    case "terminated": {
      const { reason, exitCode } = main.state;
      return { tone: exitCode === 0 ? "quiet" : "bad", text: reason || "Terminated", detail: `exit code ${exitCode}` };
    }
    case "unknown":
      return { tone: "busy", text: phase, detail: "" };
  }
}
