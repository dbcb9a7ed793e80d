import { createHmac } from "node:crypto";
import { toMessages } from "../src/core/event.ts";
import type { Message } from "../src/core/message.ts";
import { createLog } from "../src/log.ts";
import { receive, type WebhookAnswer, type WebhookRequest } from "../src/receive.ts";
import { Secret } from "../src/secret.ts";
import { guid, OWN_APP, pullRequest, receivedAt } from "./core/event-fixture.ts";

export const SECRET = "it is a secret to everybody";
export const FORMER = "the one before";

export interface Sent {
  readonly message: Message;
  readonly group: string;
  readonly dedupId: string;
}

export interface Outcome extends WebhookAnswer {
  readonly sent: readonly Sent[];
  readonly log: readonly string[];
}

export const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

export const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));

export const hexOf = (body: Uint8Array, secret = SECRET, algorithm = "sha256"): string =>
  createHmac(algorithm, secret).update(body).digest("hex");

export const signatureOf = (body: Uint8Array, secret = SECRET): string => `sha256=${hexOf(body, secret)}`;

export const opened = json(pullRequest("opened"));

/** As GitHub sends it; `headers` replace or, with undefined, remove some. */
export function delivery(
  body: Uint8Array = opened,
  { event = "pull_request", headers = {} }: { event?: string; headers?: WebhookRequest["headers"] } = {},
): WebhookRequest {
  const sent = {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/044aadd",
    "x-github-event": event,
    "x-github-delivery": guid,
    "x-hub-signature": `sha1=${hexOf(body, SECRET, "sha1")}`,
    "x-hub-signature-256": signatureOf(body),
  };
  return { method: "POST", headers: { ...sent, ...headers }, body };
}

/** What came of a request at the door, with everything that went through it. */
export async function knock(
  request: WebhookRequest,
  {
    secrets = [SECRET],
    fresh = secrets,
    broken = null,
    takes = () => broken === null,
  }: {
    secrets?: readonly string[];
    /** What the secrets are by now. */
    fresh?: readonly string[];
    broken?: Error | null;
    takes?: (group: string) => boolean;
  } = {},
): Promise<Outcome> {
  const sent: Sent[] = [];
  const log: string[] = [];
  const clock = { now: () => receivedAt };
  const answer = await receive(request, {
    secrets: async (age) => (age === "held" ? secrets : fresh).map((value) => new Secret(value)),
    queue: {
      send: async (message, group, dedupId) => {
        if (!takes(group)) throw broken ?? new Error("not taken");
        sent.push({ message, group, dedupId });
      },
    },
    clock,
    ownAppId: OWN_APP,
    read: toMessages,
    log: createLog({ write: (line) => log.push(line), clock }),
  });
  return { ...answer, sent, log };
}
