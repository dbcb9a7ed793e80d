import { Secret } from "./secret.ts";
import { items, type Reader, refuse, required, together } from "./settings-read.ts";

const MIN_WEBHOOK_SECRET = 16;

/** By itself as well: the webhook function knows its own events by it and needs nothing else of the App. */
export const appId: Reader<number> = (env) => {
  const remedy = "write the App's numeric id, from its settings page";
  const value = required(env, "PROA_GITHUB_APP_ID", remedy);
  return /^[1-9][0-9]{0,14}$/.test(value) ? Number(value) : refuse("PROA_GITHUB_APP_ID", `is "${value}"`, remedy);
};

/** The first is the current one; the others are accepted while they are being rotated out. */
export const webhookSecrets: Reader<readonly Secret[]> = (env) => {
  const remedy = `write the App's webhook secret, at least ${MIN_WEBHOOK_SECRET} characters (openssl rand -hex 32)`;
  const secrets = items(required(env, "PROA_WEBHOOK_SECRETS", remedy));
  const tooShort = secrets.findIndex((secret) => secret.length < MIN_WEBHOOK_SECRET);
  if (secrets.length === 0) return refuse("PROA_WEBHOOK_SECRETS", "holds no secret", remedy);
  if (tooShort !== -1)
    return refuse("PROA_WEBHOOK_SECRETS", `has a secret (number ${tooShort + 1}) that is too short to be safe`, remedy);
  return secrets.map((secret) => new Secret(secret));
};

/** The functions that stand on Lambda alone: SQLite is for one process that is all of them. */
const queue: Reader<{ readonly prefix: string }> = (env) => {
  const remedy = "write sqs: and what the queues' URLs begin with";
  const value = required(env, "PROA_QUEUE", remedy);
  const prefix = /^sqs:(https?:\/\/[^\s?#@]+)$/.exec(value)?.[1];
  return prefix === undefined ? refuse("PROA_QUEUE", `is "${value}"`, remedy) : { prefix };
};

// In a file of their own: what the other functions read would be a third of the webhook's bundle.
export const webhookSettings = together({ appId, webhookSecrets, queue });
export const tickSettings = together({ queue });
