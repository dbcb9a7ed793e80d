import { randomUUID } from "node:crypto";
import { dedupId } from "./core/event.ts";
import type { LookMessage } from "./core/message.ts";
import { type Sha, type Target, targetId } from "./core/names.ts";
import type { TargetState } from "./core/state.ts";
import type { Effects } from "./effects.ts";

/** Enqueues a look at a target, from inside: a hint like any other. */
export async function look(
  target: Target,
  from: Pick<LookMessage, "installation" | "repo" | "because"> & { readonly delivery?: string; readonly sha?: Sha },
  fx: Pick<Effects, "queue" | "clock">,
): Promise<void> {
  const { installation, repo, because, delivery = `proa-${randomUUID()}`, sha = null } = from;
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
  fx: Pick<Effects, "queue" | "clock">,
): Promise<void> {
  const [number] = queue;
  if (number === undefined) return;
  await look({ kind: "preview", repoId, number }, { installation, repo, because: "a preview slot is free" }, fx);
}
