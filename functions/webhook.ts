import { systemClock as clock } from "../src/clock.ts";
import { sqsCall, sqsDeployerQueue } from "../src/adapters/sqs-send.ts";
import { frequentMessages } from "../src/core/event-frequent.ts";
import type { Delivery, Reading } from "../src/core/event-message.ts";
import type { UrlHandler } from "../src/handlers.ts";
import { toRequest, toResult } from "../src/lambda.ts";
import { createPlainLog } from "../src/log-plain.ts";
import { notReady, receive, type ReceiveEffects } from "../src/receive.ts";
import { withSettings } from "../src/settings-secret.ts";
import { webhookSettings } from "../src/settings-webhook.ts";

const { env } = process;
const log = createPlainLog({ write: (line) => void process.stdout.write(`${line}\n`), clock });

const effects = withSettings(env, { clock, log }, async (settings) => {
  const { appId, webhookSecrets, queue } = webhookSettings(settings);
  const call = sqsCall({ ...queue, env, clock });
  return { clock, log, read, ownAppId: appId, webhookSecrets, queue: sqsDeployerQueue(call, queue.prefix) };
});
const secrets: ReceiveEffects["secrets"] = async (age) => (await effects(age)).webhookSecrets;

/** GitHub's webhooks, behind a Function URL: verify, name what to look at, queue it, answer. */
export const handler: UrlHandler = async (event) => {
  const answer = effects().then(
    (fx) => receive(toRequest(event), { ...fx, secrets }),
    (reason: unknown) => notReady(reason, log),
  );
  return toResult(await answer);
};

/** Comments, buttons and installations are in a file of their own, loaded when the first of them comes. */
async function read(delivery: Delivery): Promise<Reading> {
  return frequentMessages(delivery) ?? (await import("../src/core/event.ts")).toMessages(delivery);
}
