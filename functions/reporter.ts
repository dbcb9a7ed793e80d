import { openBacking } from "../src/backing.ts";
import { composeReporter } from "../src/compose-reporter.ts";
import { parseReport } from "../src/core/message-parse.ts";
import { lambdaHost } from "../src/host.ts";
import { queueHandler } from "../src/handlers.ts";
import { once } from "../src/lambda.ts";
import { report } from "../src/report.ts";
import { reporterSettings } from "../src/settings.ts";

/** One message group per installation: GitHub's writes, one after the other. */
export const handler = queueHandler(
  once(async () => {
    const [settings, host] = [reporterSettings(process.env), lambdaHost()];
    return composeReporter(settings, host, await openBacking(settings, host));
  }),
  (body, fx) => report(parseReport(body), fx),
);
