import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { readFileSync } from "node:fs";
import type { Proa, ProaSurroundings } from "../../local/proa.ts";
import { TARGETS_DUE } from "../../src/adapters/store-keys.ts";
import { openBacking } from "../../src/backing.ts";
import { composeDeployer } from "../../src/compose.ts";
import { readSettings } from "../../src/settings.ts";
import type { Account } from "./account.ts";
import { allowBatches } from "./batch-rights.ts";
import { startEksFront } from "./eks-front.ts";
import { credentialsOf } from "./execution.ts";
import { followFunctions } from "./functions-log.ts";
import { mirrorImages } from "./image-mirror.ts";
import { ACCOUNT, type AwsEnvironment, clientOptions } from "./ministack.ts";
import { passOn } from "./pass-on.ts";
import { lookAtQueues } from "./queues.ts";
import { deployStack } from "./stack.ts";

export interface ProaOnAws extends Proa {
  readonly stack: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Proa as people install it, as a stack of an account; only what is around it is the world's. */
export async function installProa(account: Account, stack: string, surroundings: ProaSurroundings): Promise<ProaOnAws> {
  const { env, gateway } = account;
  const { environment, url, host } = surroundings;
  const setting = (name: string): string => environment[name] ?? "";
  const named = (name: string) => [name, setting(name)] as const;
  const region = env.AWS_REGION;
  const credentials = (["deployer", "sweeper"] as const).map((name) => credentialsOf(stack, name));
  const cluster = `${stack}-g1`;
  const kubeconfig = readFileSync(setting("PROA_KUBECONFIG"), "utf8");
  const eks = await startEksFront({ clusters: { [cluster]: { kubeconfig } }, credentials });
  gateway.addCluster(cluster, eks.env.AWS_ENDPOINT_URL_EKS);

  const outputs = await deployStack(env, stack, {
    Clusters: `default=eks:${cluster}`,
    Images: setting("PROA_IMAGES"),
    DefaultImage: setting("PROA_DEFAULT_IMAGE"),
    Domain: setting("PROA_DOMAIN"),
    PublicUrl: setting("PROA_PUBLIC_URL"),
    GitHubApiUrl: setting("PROA_GITHUB_API_URL"),
    LogsInPublic: setting("PROA_LOGS_IN_PUBLIC"),
    Architecture: process.arch === "arm64" ? "arm64" : "x86_64",
  });
  await allowBatches(env, stack);
  const output = (name: string): string => {
    const value = outputs[name];
    if (value === undefined) throw new Error(`the stack ${stack} has no output ${name}`);
    return value;
  };

  await storeSettings(env, output("WebhookSecretArn"), ["PROA_GITHUB_APP_ID", "PROA_WEBHOOK_SECRETS"].map(named));
  const app = ["PROA_GITHUB_APP_ID", "PROA_GITHUB_APP_SLUG", "PROA_GITHUB_PRIVATE_KEY"];
  await storeSettings(env, output("AppSecretArn"), app.map(named));

  const settings = readSettings({
    ...environment,
    PROA_REGISTRIES: "{}",
    PROA_STORE: `dynamodb:${output("TableName")}`,
    PROA_QUEUE: `sqs:https://sqs.${region}.amazonaws.com/${ACCOUNT}/${stack}`,
  });
  const backing = await openBacking(settings, host, process.env);
  const images = mirrorImages({ env, registry: url, rule: `${stack}-image-pushes` });
  const queues = lookAtQueues(env, outputs);
  const functions = followFunctions(env, stack, surroundings.writeLog);
  const fx = composeDeployer(settings, host, backing);

  return {
    stack,
    outputs,
    fx,
    repositories: async () => (await fx.store.repos()).map(({ id }) => id),
    queue: { ...backing.queue, deadLetters: () => queues.deadLetters() },
    // The name of a Function URL is not in this machine's DNS: the world's own port takes deliveries there.
    webhookUrl: `${url}/webhook`,
    webhook: (req, res) => passOn(req, res, { to: new URL(account.url), host: new URL(output("WebhookUrl")).host }),
    imagePushed: (push) => images.pushed(push),
    async sweep(kind) {
      const lambda = new LambdaClient(clientOptions(env));
      const Payload = JSON.stringify({ sweep: kind });
      const { FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: `${stack}-sweeper`, Payload }));
      if (FunctionError !== undefined) throw new Error(`the sweep ${kind} failed: ${FunctionError}`);
    },
    sweeping: () => false,
    // All that is in the table, in queues and behind other services' doors came from a function by one of these.
    said: () =>
      gateway.calls.flatMap(({ action, request, response }) => {
        const answer = action === "secretsmanager:GetSecretValue" ? "" : response;
        return { where: `a function's ${action}`, text: `${request}\n${answer}` };
      }),
    start: () => ({
      async busy() {
        await Promise.all([images.settle(), functions.collect()]);
        return queues.busy();
      },
      async nextDueAt() {
        const installations = new Set((await fx.store.repos()).map(({ installation }) => installation));
        const outboxes = [...installations].map((installation) => `outbox/${installation}`);
        const [wake] = await backing.table.due(TARGETS_DUE, Number.MAX_SAFE_INTEGER, 1);
        const wants = (await Promise.all(outboxes.map((pk) => backing.table.query(pk, "due/")))).flat();
        const times = [wake?.due?.at ?? [], ...wants.map(({ value }) => (value as { at: number }).at)].flat();
        return times.length === 0 ? null : Math.min(...times);
      },
      // The stack stays: what a function still does is nobody's business any more, and ends with the account.
      close: () => functions.collect(),
    }),
    async catchUp() {},
    close: () => eks.close(),
  };
}

/** As `proa setup` leaves them. */
async function storeSettings(
  env: AwsEnvironment,
  secret: string,
  settings: readonly (readonly [string, string])[],
): Promise<void> {
  const secrets = new SecretsManagerClient(clientOptions(env));
  const SecretString = JSON.stringify(Object.fromEntries(settings));
  await secrets.send(new PutSecretValueCommand({ SecretId: secret, SecretString }));
}
