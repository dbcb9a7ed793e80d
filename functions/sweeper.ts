import { openBacking } from "../src/backing.ts";
import { composeSweeper } from "../src/compose.ts";
import { lambdaHost } from "../src/host.ts";
import { sweeperSettings } from "../src/settings.ts";
import { NotSetUp, withSettings } from "../src/settings-secret.ts";
import { sweepGitHub, sweepOverdue, type SweepEffects } from "../src/sweep.ts";

const host = lambdaHost();

const effects = withSettings(process.env, host, async (env) => {
  const settings = sweeperSettings(env);
  return composeSweeper(settings, host, await openBacking(settings, host, process.env));
});

/** Two schedules: each minute what is overdue, every ten minutes what GitHub and the clusters say. */
export async function handler({ sweep }: { readonly sweep?: unknown }): Promise<unknown> {
  const run = sweepOf(sweep);
  try {
    return await run(await effects());
  } catch (error) {
    if (!(error instanceof NotSetUp)) throw error;
    // The schedules begin with the stack, and its owner runs `proa setup` some minutes later.
    host.log.info(error.message);
    return null;
  }
}

function sweepOf(asked: unknown): (fx: SweepEffects) => Promise<unknown> {
  switch (asked) {
    case "overdue":
      return sweepOverdue;
    case "github":
      return sweepGitHub;
    default:
      throw new Error(`a schedule asks for the sweep ${JSON.stringify(asked)}: it is "overdue" or "github"`);
  }
}
