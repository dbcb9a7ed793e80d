import { openBacking } from "../src/backing.ts";
import { composeSweeper } from "../src/compose.ts";
import { lambdaHost } from "../src/host.ts";
import { once } from "../src/lambda.ts";
import { sweeperSettings } from "../src/settings.ts";
import { sweepGitHub, sweepOverdue } from "../src/sweep.ts";

const effects = once(async () => {
  const [settings, host] = [sweeperSettings(process.env), lambdaHost()];
  return composeSweeper(settings, host, await openBacking(settings, host));
});

/** Two schedules: each minute what is overdue, every ten minutes what GitHub and the clusters say. */
export async function handler({ sweep }: { readonly sweep?: unknown }): Promise<unknown> {
  const fx = await effects();
  if (sweep === "overdue") return sweepOverdue(fx);
  if (sweep === "github") return sweepGitHub(fx);
  throw new Error(`the schedule asks for a sweep "${String(sweep)}": it is "overdue" or "github"`);
}
