import type { Delivery, Reading } from "./event-message.ts";
import { field, Malformed } from "./event-payload.ts";

/** What only the payload of one event has, and what it never has. */
export interface Shape {
  readonly has: readonly string[];
  readonly lacks: readonly string[];
}

/** Reads a payload that is what its header says; `shape` null: of an event that nothing is read of. */
export function reading<R extends Reading | null>(
  delivery: Delivery,
  shape: Shape | null,
  readEvent: (delivery: Delivery) => R,
): R | Reading {
  const { event, payload } = delivery;
  if (typeof payload !== "object" || payload === null || Array.isArray(payload))
    return { kind: "malformed", because: "the payload is not an object" };
  const because = shape === null ? null : misfit(event, payload, shape);
  if (because !== null) return { kind: "malformed", because };
  try {
    return readEvent(delivery);
  } catch (error) {
    if (error instanceof Malformed) return { kind: "malformed", because: `${event}: ${error.message}` };
    throw error;
  }
}

/**
 * The event's type travels in a header that GitHub does not sign. A signed body replayed under another type is told by the
 * fields that only its own type has: https://docs.github.com/webhooks/webhook-events-and-payloads
 */
function misfit(event: string, payload: object, { has, lacks }: Shape): string | null {
  const lacking = has.find((name) => field(payload, name) === undefined);
  if (lacking !== undefined) return `${lacking} is missing: this is not the payload of ${event}`;
  const foreign = lacks.find((name) => field(payload, name) !== undefined);
  return foreign === undefined ? null : `${foreign} is there: this is not the payload of ${event}`;
}
