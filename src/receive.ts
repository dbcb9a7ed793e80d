import { isUtf8 } from "node:buffer";
import { verify } from "@octokit/webhooks-methods";
import type { Queue } from "./adapters/queue.ts";
import type { Clock } from "./clock.ts";
import type { Delivery, Reading } from "./core/event-message.ts";
import { parseJson } from "./core/json.ts";
import { dedupId, groupOf } from "./core/message-ids.ts";
import type { Group, Message } from "./core/message.ts";
import { OutsideError } from "./core/problem.ts";
import type { Fields } from "./log.ts";
import type { PlainLog } from "./log-plain.ts";
import type { Secret } from "./secret.ts";
import { type Age, NotSetUp } from "./settings-secret.ts";

export interface WebhookRequest {
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came over the wire, or as Lambda has read it: the signature is over its bytes. */
  readonly body: Uint8Array | string;
}

export interface WebhookAnswer {
  readonly status: number;
  /** JSON; GitHub shows it beside the delivery. */
  readonly body: string;
}

export interface ReceiveEffects {
  /** The App's webhook secret, and the former one while it is being rotated. `fresh` is asked for where none of them matched. */
  secrets(age: Age): Promise<readonly Secret[]>;
  /** `toMessages`; the webhook function loads most of it when it is needed. */
  read(delivery: Delivery): Reading | Promise<Reading>;
  readonly queue: Pick<Queue, "send">;
  readonly clock: Clock;
  readonly ownAppId: number;
  readonly log: PlainLog;
}

/**
 * The only door that the internet can knock at. Nothing of a request is believed, parsed or logged before its signature is
 * verified; what is believed then becomes messages on the queue, and GitHub has its answer after that one call. Safe to repeat:
 * a delivery that was queued is recognised by its GUID.
 */
export async function receive(request: WebhookRequest, fx: ReceiveEffects): Promise<WebhookAnswer> {
  const text = await verified(request, fx);
  if (typeof text !== "string") return refuse("webhook refused", text, { bytes: Buffer.byteLength(request.body) }, fx);
  const delivery = parse(request, text);
  if ("status" in delivery) return refuse("webhook malformed", delivery, {}, fx);
  const { event, id } = delivery;
  const fields = { delivery: id, event };
  const reading = await fx.read({ ...delivery, ownAppId: fx.ownAppId, receivedAt: fx.clock.now() });
  switch (reading.kind) {
    case "malformed":
      return refuse("webhook malformed", refused(400, reading.because), fields, fx);
    case "ignored":
      fx.log.info("webhook ignored", { ...fields, because: reading.because });
      return answer(202, { ignored: reading.because });
    case "messages": {
      const messages = reading.messages.length;
      const lost = await send(reading.messages, fx.queue);
      if (lost.length > 0) {
        const groups = lost.map(({ group }) => group);
        fx.log.error("webhook not queued", lost[0]?.reason, { ...fields, messages, groups });
        // GitHub never retries by itself: the delivery is recorded as failed, and the sweep asks for it again.
        return error(refused(500, "the queue did not take it; redeliver it, or wait for the sweep to"));
      }
      fx.log.info("webhook queued", { ...fields, messages });
      return answer(202, { queued: messages });
    }
  }
}

function refuse(msg: string, refusal: Refusal, fields: Fields, { log }: ReceiveEffects): WebhookAnswer {
  log.warn(msg, { ...fields, ...refusal });
  return error(refusal);
}

/**
 * The answer while the function has no settings to work with; the sweep asks for the delivery again.
 * @throws whatever else is wrong: a mistake in the settings is for whoever runs Proa
 */
export function notReady(reason: unknown, log: PlainLog): WebhookAnswer {
  if (!(reason instanceof NotSetUp || reason instanceof OutsideError)) throw reason;
  log.error("webhook not ready", reason);
  const because = reason instanceof NotSetUp ? reason.message : "the settings cannot be read now; the log says why";
  return error(refused(503, because));
}

interface Refusal {
  readonly status: number;
  readonly because: string;
}

const refused = (status: number, because: string): Refusal => ({ status, because });

/** Lambda takes six megabytes with one call, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_BYTES = 6 * 1024 * 1024;

/** The body as text, if GitHub signed it. */
async function verified({ method, headers, body }: WebhookRequest, fx: ReceiveEffects): Promise<string | Refusal> {
  if (method !== "POST") return refused(405, "GitHub delivers webhooks by POST");
  if (Buffer.byteLength(body) > MAX_BYTES) return refused(413, `the payload is larger than ${MAX_BYTES} bytes`);
  const signature = headers["x-hub-signature-256"];
  if (signature === undefined) return refused(401, "no X-Hub-Signature-256: the App needs a webhook secret");
  // Two headers arrive joined by a comma, so this also says that there is exactly one.
  if (!/^sha256=[0-9a-f]{64}$/.test(signature))
    return refused(401, "X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits");
  const text = textOf(body);
  if (text === "") return refused(401, "the body is empty or not UTF-8: GitHub signs neither");

  const held = await fx.secrets("held");
  if (held.length === 0) return refused(500, "no webhook secret is configured, so nothing can be verified");
  if (await matches(held, text, signature)) return text;
  const fresh = await fx.secrets("fresh");
  if (fresh !== held && (await matches(fresh, text, signature))) return text;
  return refused(401, "the signature does not match: compare the webhook secret of the App with Proa's");
}

/**
 * Empty: no text. What verifies takes text, and what is none would be replaced first: something else than was signed be verified. A
 * byte order mark stays where it is, since it is signed as well.
 */
function textOf(body: Uint8Array | string): string {
  if (typeof body === "string") return body.isWellFormed() ? body : "";
  return isUtf8(body) ? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString() : "";
}

async function matches(secrets: readonly Secret[], text: string, signature: string): Promise<boolean> {
  for (const secret of secrets) if (await verify(secret.reveal(), text, signature)) return true;
  return false;
}

function parse({ headers }: WebhookRequest, text: string): { event: string; id: string; payload: unknown } | Refusal {
  if (!/^application\/json(?:\s*;|$)/i.test(headers["content-type"] ?? ""))
    return refused(415, "set the content type of the App's webhook to application/json");
  const event = headers["x-github-event"];
  if (event === undefined || !/^[a-z_]{1,64}$/.test(event))
    return refused(400, "X-GitHub-Event is not the name of an event");
  const id = headers["x-github-delivery"];
  if (id === undefined || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    return refused(400, "X-GitHub-Delivery is not a GUID");
  const payload = parseJson(text);
  return payload === undefined ? refused(400, "the body is not JSON") : { event, id, payload };
}

interface Lost {
  readonly group: Group;
  readonly reason: unknown;
}

/** What the queue did not take. */
async function send(messages: readonly Message[], queue: ReceiveEffects["queue"]): Promise<readonly Lost[]> {
  const sent = messages.map(async (message): Promise<Lost | null> => {
    const group = groupOf(message);
    try {
      await queue.send(message, group, dedupId(message));
      return null;
    } catch (reason) {
      return { group, reason };
    }
  });
  return (await Promise.all(sent)).filter((lost) => lost !== null);
}

const error = ({ status, because }: Refusal): WebhookAnswer => answer(status, { error: because });

const answer = (status: number, body: Readonly<Record<string, string | number>>): WebhookAnswer => ({
  status,
  body: JSON.stringify(body),
});
