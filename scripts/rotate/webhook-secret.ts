import { randomBytes } from "node:crypto";
import { neverSucceeded } from "../../src/adapters/github-app.ts";
import { Secret } from "../../src/secret.ts";
import { items } from "../../src/settings-read.ts";
import { SOONEST_MS } from "../../src/settings-secret.ts";
import type { AppAdmin } from "../installation/github-app.ts";
import { type Secrets, textIn } from "../installation/secrets.ts";
import { Stop } from "../installation/stop.ts";

/** Where a rotation stands, told by the stored secret alone: it can be taken up again wherever it was cut off. */
export type Standing =
  /** One secret: GitHub signs with it. */
  | { readonly kind: "settled"; readonly current: string }
  /** Two: the first is to be GitHub's, and may be already; the others are still taken. */
  | { readonly kind: "under way"; readonly next: string; readonly former: readonly string[] };

export function standing(stored: string | null): Standing {
  const [first, ...others] = items(stored ?? "");
  if (first === undefined) throw new Stop("there is no webhook secret to rotate yet: run npm run proa -- setup");
  return others.length === 0 ? { kind: "settled", current: first } : { kind: "under way", next: first, former: others };
}

export interface Rotation {
  readonly secretId: string;
  readonly secrets: Secrets;
  readonly admin: AppAdmin;
  readonly hookUrl: string;
  /** Answers the webhook's status for a ping signed with this secret. */
  readonly ping: (secret: string) => Promise<number>;
  readonly wait: (ms: number) => Promise<void>;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

/** A warm function reads the secret again when it meets a signature it does not know, unless it has read it less than this ago. */
const SETTLE_MS = SOONEST_MS + 10_000;
const TRIES = 20;
const BETWEEN_MS = 15_000;

/**
 * Both are taken before GitHub changes to the new one, and until nothing is under way with the old one. Safe to cut off and to
 * repeat at any point: the secret that GitHub signs with is among the stored ones all the time.
 */
export async function rotateWebhookSecret(rotation: Rotation): Promise<void> {
  const { admin, secrets, secretId, say, wait, now } = rotation;
  // Their clock and ours differ a little.
  const startedAt = now() - 60_000;
  const next = await addNext(rotation);
  await wait(SETTLE_MS);
  await accepted(rotation, next);
  say("The webhook takes both, the old one and the new one.");

  await admin.setHookConfig({ url: rotation.hookUrl, secret: new Secret(next) });
  say("GitHub signs with the new one.");

  await arrived(rotation, startedAt);
  // What GitHub had signed before, and delivers late: https://docs.github.com/webhooks/using-webhooks/handling-webhook-deliveries
  await wait(SETTLE_MS);
  await secrets.merge(secretId, { PROA_WEBHOOK_SECRETS: next });
  await accepted(rotation, next);
  say("The old one is taken no more.");
}

async function addNext({ secrets, secretId, say }: Rotation): Promise<string> {
  const found = standing(textIn(await secrets.read(secretId), "PROA_WEBHOOK_SECRETS"));
  if (found.kind === "under way") {
    say("A rotation was under way: it goes on where it was.");
    return found.next;
  }
  const next = randomBytes(32).toString("hex");
  await secrets.merge(secretId, { PROA_WEBHOOK_SECRETS: `${next},${found.current}` });
  return next;
}

async function accepted({ ping, wait }: Rotation, secret: string): Promise<void> {
  let status = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    status = await ping(secret);
    if (status === 202) return;
    await wait(BETWEEN_MS);
  }
  throw new Stop(
    `the webhook does not take the new secret (it answers ${status}): nothing is lost, both stay stored; run this again`,
  );
}

/** What failed meanwhile is asked for again, until there is nothing. */
async function arrived({ admin, wait, say }: Rotation, since: number): Promise<void> {
  const asked = new Set<string>();
  for (let tries = 0; tries < TRIES; tries++) {
    const lost = neverSucceeded(await admin.deliveries(since));
    if (lost.length === 0) return;
    for (const { id } of lost.filter((delivery) => !asked.has(delivery.id))) {
      asked.add(id);
      await admin.redeliver(id);
      say(`Asked for the delivery ${id} again.`);
    }
    await wait(BETWEEN_MS);
  }
  throw new Stop("deliveries go on failing: both secrets stay stored; see npm run proa -- doctor, then run this again");
}
