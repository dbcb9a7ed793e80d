import { createHmac, randomUUID } from "node:crypto";
import type { Json } from "./http.ts";
import type { LocalGitHubOptions } from "./hub.ts";
import type { DeliveryRecord, State } from "./state.ts";

/** One webhook on its way. A redelivery has a new `id` and the `guid` of the first attempt. */
export interface Delivery {
  readonly id: number;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly payload: Json;
  readonly installationId: number;
  readonly repositoryId: number | null;
  readonly redelivery: boolean;
}

export interface Webhooks {
  prepare(hook: Pick<Delivery, "event" | "payload" | "installationId" | "repositoryId">): Delivery;
  /** Sent after everything queued before it; GitHub never tries again by itself. */
  enqueue(delivery: Delivery): void;
  redeliver(record: DeliveryRecord): void;
  idle(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** github.com keeps deliveries for three days. */
const KEEP_MS = 3 * 24 * 60 * 60 * 1000;

export function createWebhooks(options: LocalGitHubOptions, state: State): Webhooks {
  let tail: Promise<void> = Promise.resolve();

  const attempt = async (delivery: Delivery): Promise<void> => {
    const startedMs = options.clock.nowMs();
    const body = JSON.stringify(delivery.payload);
    const headers = headersFor(delivery, body, options);
    const send = (): Promise<{ status: number }> => post(options.app.webhookUrl(), headers, body);
    const outcome = await (options.deliver ? options.deliver(delivery, send) : send()).then(
      ({ status }) => ({ statusCode: status, status: status < 300 ? "OK" : `Invalid HTTP Response: ${status}` }),
      (error: unknown) =>
        error instanceof Error && error.name === "TimeoutError"
          ? { statusCode: 504, status: "timed out" }
          : { statusCode: 502, status: "failed to connect to host" },
    );
    const { id, guid, event, action, installationId, repositoryId, redelivery } = delivery;
    const durationSeconds = (options.clock.nowMs() - startedMs) / 1000;
    const deliveredAt = new Date(startedMs).toISOString();
    state.put("delivery", {
      id,
      guid,
      event,
      action,
      installationId,
      repositoryId,
      redelivery,
      body,
      headers,
      durationSeconds,
      deliveredAt,
      ...outcome,
    });
    for (const old of state.list("delivery", (record) => Date.parse(record.deliveredAt) < startedMs - KEEP_MS))
      state.delete("delivery", old.id);
  };

  const self: Webhooks = {
    prepare: (hook) => ({
      ...hook,
      id: state.nextId(),
      guid: randomUUID(),
      action: typeof hook.payload["action"] === "string" ? hook.payload["action"] : null,
      redelivery: false,
    }),
    enqueue(delivery) {
      tail = tail.then(() => attempt(delivery));
    },
    redeliver({ guid, event, action, installationId, repositoryId, body }) {
      const payload = JSON.parse(body) as Json;
      self.enqueue({
        id: state.nextId(),
        guid,
        event,
        action,
        payload,
        installationId,
        repositoryId,
        redelivery: true,
      });
    },
    async idle() {
      for (let seen: Promise<void> | null = null; seen !== tail; await seen) seen = tail;
    },
  };
  return self;
}

function headersFor({ guid, event }: Delivery, body: string, { app }: LocalGitHubOptions): Record<string, string> {
  const sign = (algorithm: string): string => createHmac(algorithm, app.webhookSecret).update(body).digest("hex");
  return {
    accept: "*/*",
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/proa-local",
    "x-github-delivery": guid,
    "x-github-event": event,
    "x-github-hook-id": String(app.id),
    "x-github-hook-installation-target-id": String(app.id),
    "x-github-hook-installation-target-type": "integration",
    "x-hub-signature": `sha1=${sign("sha1")}`,
    "x-hub-signature-256": `sha256=${sign("sha256")}`,
  };
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<{ status: number }> {
  // Real time on purpose: stepping the world's clock must not cut off a request that is under way.
  const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  await response.arrayBuffer();
  return { status: response.status };
}
