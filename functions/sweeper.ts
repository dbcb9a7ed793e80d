import { composeSweeper } from "../src/compose.ts";
import { lambdaHost } from "../src/host.ts";
import { once } from "../src/lambda.ts";
import { sweeperSettings } from "../src/settings.ts";
import { sweepGitHub, sweepOverdue } from "../src/sweep.ts";

const effects = once(async () => composeSweeper(sweeperSettings(process.env), lambdaHost()));

/** Two schedules: each minute what is overdue, every ten minutes what GitHub and the clusters say. */
export async function handler({ sweep }: { readonly sweep: "overdue" | "github" }): Promise<unknown> {
  const fx = await effects();
  return sweep === "overdue" ? sweepOverdue(fx) : sweepGitHub(fx);
}
