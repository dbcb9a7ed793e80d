import { randomUUID } from "node:crypto";
import type { LookMessage } from "./core/message.ts";
import { type Target, targetId } from "./core/names.ts";
import type { Effects } from "./effects.ts";

/** Enqueues a look at a target, from inside: a hint like any other. */
export async function look(
  target: Target,
  from: Pick<LookMessage, "installation" | "repo" | "because">,
  fx: Pick<Effects, "queue" | "clock">,
): Promise<void> {
  const delivery = `proa-${randomUUID()}`;
  const { installation, repo, because } = from;
  const message: LookMessage = {
    v: 1,
    kind: "look",
    target,
    sha: null,
    delivery,
    receivedAt: fx.clock.now(),
    installation,
    repo,
    because,
  };
  await fx.queue.send(message, targetId(target), delivery);
}
