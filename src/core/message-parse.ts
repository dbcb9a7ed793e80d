import type { Message } from "./message.ts";
import { parseTargetId, type Target, targetId } from "./names.ts";

const KINDS: Readonly<Record<Message["kind"], true>> = {
  look: true,
  commit: true,
  branch: true,
  image: true,
  command: true,
  tick: true,
  installation: true,
};

/**
 * A message off our own queue. Only this version's format is acted on; anything else throws, and the queue keeps it for a person.
 * @throws Error naming what is wrong with it
 */
export function parseMessage(body: unknown): Message {
  if (typeof body !== "object" || body === null) throw new Error("the message is not an object");
  const { v, kind, target } = body as { v?: unknown; kind?: unknown; target?: unknown };
  if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind))
    throw new Error(`the message is of no known kind: ${String(kind)}`);
  if (v !== 1) throw new Error(`the ${kind} message is of format ${String(v)}, this is format 1`);
  if ((kind === "look" || kind === "tick") && !isTarget(target)) throw new Error(`the ${kind} message names no target`);
  return body as Message;
}

export function isTarget(value: unknown): value is Target {
  if (typeof value !== "object" || value === null) return false;
  return parseTargetId(targetId(value as Target)) !== null;
}
