import { openBacking } from "../src/backing.ts";
import { composeDeployer } from "../src/compose.ts";
import { parseMessage } from "../src/core/message-parse.ts";
import { handle } from "../src/handle.ts";
import { queueHandler } from "../src/handlers.ts";
import { lambdaHost } from "../src/host.ts";
import { deployerSettings } from "../src/settings.ts";
import { withSettings } from "../src/settings-secret.ts";
import { readTemplates } from "../src/templates.ts";

const host = lambdaHost();

/** The FIFO queue's consumer: one message, one step of one target. `templates.json` is shipped beside the bundle. */
export const handler = queueHandler(
  withSettings(process.env, host, async (env) => {
    const settings = deployerSettings(env);
    const templates = readTemplates(new URL("./templates.json", import.meta.url));
    return composeDeployer(settings, host, await openBacking(settings, host, process.env), templates);
  }),
  (body, fx) => handle(parseMessage(body), fx),
);
