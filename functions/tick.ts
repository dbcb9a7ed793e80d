import { createSqliteQueue } from "../src/adapters/queue-sqlite.ts";
import { lambdaHost } from "../src/host.ts";
import { queueHandler } from "../src/handlers.ts";
import { once } from "../src/lambda.ts";
import { tickSettings } from "../src/settings.ts";
import { forward } from "../src/tick.ts";

/** The ordinary queue's consumer: delayed ticks, delayed reports, and image pushes that EventBridge tells of. */
export const handler = queueHandler(
  once(async () => {
    const host = lambdaHost();
    return { ...host, queue: createSqliteQueue(tickSettings(process.env).queue.path, () => host.clock.now()) };
  }),
  (body, fx) => forward(body, fx),
);
