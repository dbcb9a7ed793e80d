import { createSqsQueue } from "../src/adapters/queue-sqs.ts";
import { lambdaHost } from "../src/host.ts";
import { queueHandler } from "../src/handlers.ts";
import { once } from "../src/lambda.ts";
import { tickSettings } from "../src/settings-webhook.ts";
import { forward } from "../src/tick.ts";

/** The ordinary queue's consumer: delayed ticks, delayed reports, and image pushes that EventBridge tells of. */
export const handler = queueHandler(
  once(async () => {
    const { env } = process;
    const host = lambdaHost();
    return { ...host, queue: createSqsQueue({ ...host, ...tickSettings(env).queue, env }) };
  }),
  (body, fx) => forward(body, fx),
);
