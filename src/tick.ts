import type { Queue } from "./adapters/queue.ts";
import type { Clock } from "./clock.ts";
import { parseMessage, parseReport } from "./core/message-parse.ts";
import { targetId, type Topic, topicId } from "./core/names.ts";

/**
 * What comes off the ordinary queue goes to where it is handled in order: a tick into its target's message group, a delayed
 * report to its installation's, a registry's push event to the deployer. Safe to repeat: a tick that is not the current one is
 * dropped by its target.
 */
export async function forward(body: unknown, fx: { readonly queue: Queue; readonly clock: Clock }): Promise<void> {
  const image = ecrPush(body);
  if (image !== null) {
    const { repository, tag, id } = image;
    const topic: Extract<Topic, { kind: "image" }> = { kind: "image", repository, tag };
    const message = { v: 1, ...topic, delivery: id, receivedAt: fx.clock.now(), because: "image pushed" } as const;
    return fx.queue.send(parseMessage(message), topicId(topic), id);
  }
  const { kind } = (body ?? {}) as { kind?: unknown };
  if (kind === "report") return fx.queue.report(parseReport(body), 0);
  const message = parseMessage(body);
  if (message.kind !== "tick") throw new Error(`a ${message.kind} message has no business on the tick queue`);
  await fx.queue.send(message, targetId(message.target), `tick/${targetId(message.target)}/${message.n}`);
}

/**
 * EventBridge's event for a pushed tag. Best effort on AWS' side, so the deployer polls as well.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
 */
function ecrPush(body: unknown): { repository: string; tag: string; id: string } | null {
  if (typeof body !== "object" || body === null) return null;
  const { source, id, detail } = body as { source?: unknown; id?: unknown; detail?: Record<string, unknown> };
  if (source !== "aws.ecr" || typeof id !== "string" || detail === undefined) return null;
  const { "action-type": action, result, "repository-name": repository, "image-tag": tag } = detail;
  if (action !== "PUSH" || result !== "SUCCESS" || typeof repository !== "string" || typeof tag !== "string")
    return null;
  return { repository, tag, id };
}
