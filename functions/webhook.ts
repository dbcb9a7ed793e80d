import { createSqliteQueue } from "../src/adapters/queue-sqlite.ts";
import { systemClock } from "../src/clock.ts";
import type { UrlHandler } from "../src/handlers.ts";
import { once, toRequest, toResult } from "../src/lambda.ts";
import { createLog } from "../src/log.ts";
import { receive, type ReceiveEffects } from "../src/receive.ts";
import { webhookSettings } from "../src/settings.ts";

/** GitHub's webhooks, behind a Function URL: verify, name what to look at, queue it, answer. */
export const handler: UrlHandler = async (event) => {
  const fx = await effects();
  return toResult(await receive(toRequest(event), fx));
};

const effects = once(async (): Promise<ReceiveEffects> => {
  const settings = webhookSettings(process.env);
  const log = createLog({ write: (line) => void process.stdout.write(`${line}\n`), clock: systemClock });
  return {
    secrets: async () => settings.webhookSecrets,
    queue: createSqliteQueue(settings.queue.path, () => systemClock.now()),
    clock: systemClock,
    ownAppId: settings.appId,
    log,
  };
});
