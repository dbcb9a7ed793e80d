import { randomUUID } from "node:crypto";
import { dedupId } from "./core/message-ids.ts";
import type { LookMessage } from "./core/message.ts";
import { type Sha, type Target, targetId } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";

type LookEffects = Pick<Effects, "queue" | "clock"> & { readonly store: Pick<Effects["store"], "repo"> };

/**
 * Enqueues a look at a target, from inside: a hint like any other. Whoever sends it may know the repository by a name of former
 * days, which can be another one's by now: the name goes along that an event or a sweep brought last.
 */
export async function look(
  target: Target,
  from: Pick<LookMessage, "installation" | "repo" | "because"> & { readonly delivery?: string; readonly sha?: Sha },
  fx: LookEffects,
): Promise<void> {
  const { because, delivery = `proa-${randomUUID()}`, sha = null } = from;
  const { installation, name: repo } = (await fx.store.repo(target.repoId)) ?? { ...from, name: from.repo };
  const message: LookMessage = {
    v: 1,
    kind: "look",
    target,
    sha,
    delivery,
    receivedAt: fx.clock.now(),
    installation,
    repo,
    because,
  };
  // A delivery that named the target itself and also fans out to it is one look: the id is the same.
  await fx.queue.send(message, targetId(target), dedupId(message));
}

/** A slot for previews may be free: whoever is first in the repository's queue looks again. */
export async function lookNextInQueue(
  queue: readonly number[],
  { target: { repoId }, installation, repo }: Pick<TargetState, "target" | "installation" | "repo">,
  fx: LookEffects,
): Promise<void> {
  const [number] = queue;
  if (number === undefined) return;
  await look({ kind: "preview", repoId, number }, { installation, repo, because: "a preview slot is free" }, fx);
}
