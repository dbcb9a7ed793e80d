import { createHmac, timingSafeEqual } from "node:crypto";
import type { Queue } from "./adapters/queue.ts";
import type { Clock } from "./clock.ts";
import { dedupId, groupOf, toMessages } from "./core/event.ts";
import type { Log } from "./log.ts";
import type { Secret } from "./secret.ts";

export interface WebhookRequest {
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came over the wire: the signature is over bytes. */
  readonly body: Uint8Array;
}

export interface WebhookAnswer {
  readonly status: number;
  /** JSON; GitHub shows it beside the delivery. */
  readonly body: string;
}

export interface ReceiveEffects {
  /** The App's webhook secret, and the former one while it is being rotated. */
  secrets(): Promise<readonly Secret[]>;
  readonly queue: Pick<Queue, "send">;
  readonly clock: Clock;
  readonly ownAppId: number;
  readonly log: Pick<Log, "info" | "warn" | "error">;
}

/**
 * The only door that the internet can knock at. Nothing of a request is believed, parsed or logged before its signature is
 * verified; what is believed then becomes messages on the queue, and GitHub has its answer after that one call. Safe to repeat:
 * a delivery that was queued is recognised by its GUID.
 */
export async function receive(request: WebhookRequest, fx: ReceiveEffects): Promise<WebhookAnswer> {
  const refusal = await verify(request, fx);
  if (refusal !== null) {
    fx.log.warn("webhook refused", {
      status: refusal.status,
      because: refusal.because,
      bytes: request.body.byteLength,
    });
    return error(refusal);
  }
  const delivery = parse(request);
  if ("status" in delivery) {
    fx.log.warn("webhook malformed", { status: delivery.status, because: delivery.because });
    return error(delivery);
  }
  const { event, id } = delivery;
  const reading = toMessages({ ...delivery, ownAppId: fx.ownAppId, receivedAt: fx.clock.now() });
  switch (reading.kind) {
    case "malformed":
      fx.log.warn("webhook malformed", { delivery: id, event, status: 400, because: reading.because });
      return error({ status: 400, because: reading.because });
    case "ignored":
      fx.log.info("webhook ignored", { delivery: id, event, because: reading.because });
      return answer(202, { ignored: reading.because });
    case "messages": {
      const sent = await Promise.allSettled(
        reading.messages.map((message) => fx.queue.send(message, groupOf(message), dedupId(message))),
      );
      const failed = sent.find((result) => result.status === "rejected");
      if (failed !== undefined) {
        fx.log.error("webhook not queued", failed.reason, { delivery: id, event });
        // GitHub never retries by itself: the delivery is recorded as failed, and the sweep asks for it again.
        return error({ status: 500, because: "the queue did not take it; redeliver it, or wait for the sweep to" });
      }
      fx.log.info("webhook queued", { delivery: id, event, messages: reading.messages.length });
      return answer(202, { queued: reading.messages.length });
    }
  }
}

interface Refusal {
  readonly status: number;
  readonly because: string;
}

/** Lambda takes six megabytes with one call, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_BYTES = 6 * 1024 * 1024;

async function verify({ method, headers, body }: WebhookRequest, fx: ReceiveEffects): Promise<Refusal | null> {
  if (method !== "POST") return { status: 405, because: "GitHub delivers webhooks by POST" };
  if (body.byteLength > MAX_BYTES) return { status: 413, because: `the payload is larger than ${MAX_BYTES} bytes` };
  const signature = headers["x-hub-signature-256"];
  if (signature === undefined)
    return { status: 401, because: "no X-Hub-Signature-256: the App needs a webhook secret" };
  // Two headers arrive joined by a comma, so this also says that there is exactly one.
  const hex = /^sha256=([0-9a-f]{64})$/.exec(signature)?.[1];
  if (hex === undefined)
    return { status: 401, because: "X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits" };
  const secrets = await fx.secrets();
  if (secrets.length === 0)
    return { status: 500, because: "no webhook secret is configured, so nothing can be verified" };
  const claimed = Buffer.from(hex, "hex");
  return secrets.some((secret) => timingSafeEqual(hmac(secret, body), claimed))
    ? null
    : { status: 401, because: "the signature does not match: compare the webhook secret of the App with Proa's" };
}

/** `@octokit/webhooks` verifies a string: bytes that are not UTF-8 would be replaced first, and something else than was signed verified. */
const hmac = (secret: Secret, body: Uint8Array): Buffer => createHmac("sha256", secret.reveal()).update(body).digest();

function parse({ headers, body }: WebhookRequest): { event: string; id: string; payload: unknown } | Refusal {
  if (!/^application\/json(?:\s*;|$)/i.test(headers["content-type"] ?? ""))
    return { status: 415, because: "set the content type of the App's webhook to application/json" };
  const event = headers["x-github-event"];
  if (event === undefined || !/^[a-z_]{1,64}$/.test(event))
    return { status: 400, because: "X-GitHub-Event is not the name of an event" };
  const id = headers["x-github-delivery"];
  if (id === undefined || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    return { status: 400, because: "X-GitHub-Delivery is not a GUID" };
  try {
    return { event, id, payload: JSON.parse(utf8.decode(body)) };
  } catch {
    // The parser's own message would quote the payload.
    return { status: 400, because: "the body is not JSON in UTF-8" };
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

const error = ({ status, because }: Refusal): WebhookAnswer => answer(status, { error: because });

const answer = (status: number, body: Readonly<Record<string, string | number>>): WebhookAnswer => ({
  status,
  body: JSON.stringify(body),
});
