import type { Group, Message } from "../core/message.ts";
import type { Millis, Target } from "../core/names.ts";

/**
 * The deployer's FIFO queue, the delayed ticks beside it, and the reporter's queue. Two real ones: SQS and one SQLite file.
 */
export interface Queue {
  /** FIFO: order per group, and a repeat of `dedupId` within five minutes is swallowed, as SQS does. */
  send(message: Message, group: Group, dedupId: string): Promise<void>;
  /** Comes back as a TickMessage on the FIFO queue no sooner than `delayMs`; at-least-once and possibly late. */
  tick(target: Target, n: number, delayMs: Millis): Promise<void>;
  /** Wakes the reporter of an installation, no sooner than `delayMs`. A wake that finds nothing due costs one read. */
  report(installation: number, delayMs: Millis): Promise<void>;
}
