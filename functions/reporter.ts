import { openBacking } from "../src/backing.ts";
import { composeReporter } from "../src/compose-reporter.ts";
import { parseReport } from "../src/core/message-parse.ts";
import { queueHandler } from "../src/handlers.ts";
import { lambdaHost } from "../src/host.ts";
import { report } from "../src/report.ts";
import { reporterSettings } from "../src/settings.ts";
import { withSettings } from "../src/settings-secret.ts";

const host = lambdaHost();

/** One message group per installation: GitHub's writes, one after the other. */
export const handler = queueHandler(
  withSettings(process.env, host, async (env) => {
    const settings = reporterSettings(env);
    return composeReporter(settings, host, await openBacking(settings, host, process.env));
  }),
  (body, fx) => report(parseReport(body), fx),
);
