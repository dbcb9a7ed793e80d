import { LABEL, targetId } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";
import { look, lookNextInQueue } from "./look.ts";
import { type Known, record } from "./record.ts";

const LOOK_AGAIN_MS = 2_000;
/** Said from here on: something in the namespace holds it back. */
const STUCK_AFTER_MS = 3 * 60_000;

/**
 * Takes a preview's namespace down, by the uid that was recorded when it was made, and looks until it is gone. Only then is the
 * slot free. Finalizers are never stripped: what holds a namespace back is reported instead.
 */
export async function removePreview(known: Known, fx: Effects): Promise<void> {
  const { state } = known;
  const { target } = state;
  if (target.kind !== "preview" || state.tombstone === null) return;
  const left: Record<string, TargetState["placements"][string]> = {};
  const held: string[] = [];
  for (const [name, placement] of Object.entries(state.placements)) {
    const cluster = fx.clusters.get(name);
    // A cluster that is not configured now may be again: its namespace is not forgotten.
    if (cluster === undefined) {
      left[name] = placement;
      continue;
    }
    const namespace = await cluster.namespace(placement.namespace);
    if (namespace === null || namespace.uid !== placement.uid) continue;
    left[name] = placement;
    if (
      namespace.labels[LABEL.pullRequest] !== `${target.number}` ||
      namespace.labels[LABEL.repositoryId] !== `${target.repoId}`
    ) {
      held.push(
        `the namespace ${placement.namespace} does not carry this pull request's labels any more: delete it by hand`,
      );
      continue;
    }
    if (namespace.deletedAt === null) {
      fx.log.info("delete namespace", {
        namespace: placement.namespace,
        uid: placement.uid,
        cluster: name,
        target: targetId(target),
        because: state.tombstone.because,
      });
      const result = await cluster.deleteNamespace(placement.namespace, placement.uid);
      fx.log.info("delete namespace done", {
        namespace: placement.namespace,
        cluster: name,
        target: targetId(target),
        result,
      });
      if (result === "gone") delete left[name];
    } else if (fx.clock.now() - state.tombstone.at > STUCK_AFTER_MS) {
      const conditions = namespace.conditions.filter(({ status }) => status === "True").map(({ message }) => message);
      held.push(
        `the namespace ${placement.namespace} is still Terminating: ${conditions.join("; ") || "no reason given"}`,
      );
    }
  }
  if (Object.keys(left).length > 0) {
    const because = held[0] === undefined ? state.tombstone.because : `${state.tombstone.because}; ${held[0]}`;
    await record(known, { ...state, placements: left, because }, held.length > 0 ? STUCK_AFTER_MS : LOOK_AGAIN_MS, fx);
    return;
  }
  const slots = await fx.store.slots(target.repoId);
  const queue = slots.queue.filter((number) => number !== target.number);
  const free = { before: slots, held: slots.held.filter((number) => number !== target.number), queue };
  const gone: TargetState = {
    ...state,
    placements: {},
    phase: "idle",
    because: state.tombstone.because,
    tombstone: null,
    shown: [],
    url: null,
  };
  await record(known, { ...gone }, null, fx, slots.version === 0 ? {} : { slots: free });
  const from = { installation: state.installation, repo: state.repo };
  // Reopened meanwhile, or next in the queue: both look again now that there is room.
  await look(target, { ...from, because: "the namespace is gone" }, fx);
  await lookNextInQueue(queue, state, fx);
}
