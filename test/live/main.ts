// `npm run test:live`: asks the real GitHub, AWS and Kubernetes what only they can settle. docs/live-checks.md lists it.
import { Stop, sentenceOf } from "../../scripts/installation/stop.ts";
import { type Environment, optional, privateKey } from "../../src/settings-read.ts";
import { Secret } from "../../src/secret.ts";
import { runChecks, type Told } from "./check.ts";
import { githubChecks } from "./checks-github.ts";
import { enterGitHub, type GitHubAccess } from "./github-world.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(env: Environment): Promise<number> {
  const github = githubAccess(env);
  const stack = optional(env, "PROA_LIVE_STACK");
  const cluster = optional(env, "PROA_LIVE_EKS_CLUSTER");
  if (github === null && stack === null && cluster === null) {
    say(
      "Nothing was asked: set PROA_LIVE_REPOSITORY, PROA_LIVE_STACK or PROA_LIVE_EKS_CLUSTER to something that is given over to these checks (docs/live-checks.md).",
    );
    return 0;
  }
  const told: Told[] = [];
  if (github !== null) {
    const world = await enterGitHub(github);
    say(`GitHub, in ${world.repo}`);
    try {
      told.push(...(await runChecks(githubChecks, world, say)));
    } finally {
      await world.close();
    }
  }
  if (stack !== null) {
    const { awsChecks, enterAws } = await import("./checks-aws.ts");
    const world = await enterAws(stack, ecrImage(env));
    say(`AWS, the stack ${stack} in ${world.stack.region}`);
    told.push(...(await runChecks(awsChecks, world, say)));
  }
  if (cluster !== null) {
    const { clusterChecks, enterCluster } = await import("./checks-cluster.ts");
    const world = await enterCluster(cluster);
    say(`EKS, the cluster ${cluster}`);
    told.push(...(await runChecks(clusterChecks, world, say)));
  }
  const wrong = told.filter(({ finding }) => finding.kind === "otherwise").map(({ name }) => name);
  say(wrong.length === 0 ? "Nothing is other than assumed." : `Other than assumed: ${wrong.join(", ")}.`);
  return wrong.length === 0 ? 0 : 1;
}

/** null: no repository is given over. */
function githubAccess(env: Environment): GitHubAccess | null {
  const repository = optional(env, "PROA_LIVE_REPOSITORY");
  if (repository === null) return null;
  const appId = Number(optional(env, "PROA_LIVE_GITHUB_APP_ID"));
  const token = optional(env, "PROA_LIVE_GITHUB_TOKEN");
  if (!(appId > 0) || token === null)
    throw new Stop("PROA_LIVE_REPOSITORY takes PROA_LIVE_GITHUB_APP_ID, _PRIVATE_KEY and _TOKEN (docs/live-checks.md)");
  return {
    apiUrl: optional(env, "PROA_LIVE_GITHUB_API_URL") ?? "https://api.github.com",
    appId,
    privateKey: privateKey(env, "PROA_LIVE_GITHUB_PRIVATE_KEY"),
    repository,
    token: new Secret(token),
  };
}

function ecrImage(env: Environment): { repository: string; tag: string } | null {
  const [, repository, tag] = /^([^:]+):([^:]+)$/.exec(optional(env, "PROA_LIVE_ECR_IMAGE") ?? "") ?? [];
  return repository === undefined || tag === undefined ? null : { repository, tag };
}

process.exitCode = await main(process.env).catch((error: unknown) => {
  process.stderr.write(`${sentenceOf(error)}\n`);
  return 1;
});
