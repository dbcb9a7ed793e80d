import { DescribeSecretCommand } from "@aws-sdk/client-secrets-manager";
import { styleText } from "node:util";
import { describeStack } from "../installation/stack.ts";
import { appSecretId } from "../installation/secrets.ts";
import { type Aws, unlessMissing } from "./aws.ts";
import { columns } from "./text.ts";

/** Where webhooks go now, and what is left to do. */
export async function outcome(aws: Aws, stack: string): Promise<string> {
  const present = await describeStack(stack, aws.cloudFormation);
  const outputs = present?.outputs ?? {};
  const { WebhookUrl = "none", AppSecretArn = appSecretId(stack) } = outputs;
  // Whom the clusters let in: docs/install.md.
  const roles = ["DeployerRoleArn", "SweeperRoleArn"].map((name): [string, string] => [name, outputs[name] ?? "none"]);
  const suffix = stack === "proa" ? "" : ` --stack ${stack}`;
  const next = (await isFilled(aws, AppSecretArn))
    ? ["check", `npm run proa -- doctor${suffix}`]
    : ["next", `npm run proa -- setup${suffix}   (makes the GitHub App)`];
  return columns([["WebhookUrl", styleText("bold", WebhookUrl)], ...roles, [next[0] ?? "", next[1] ?? ""]]);
}

/** Its value is not read for that: the stack makes the first version, and `proa setup` writes the second. */
async function isFilled({ secretsManager }: Aws, id: string): Promise<boolean> {
  const asked = secretsManager.send(new DescribeSecretCommand({ SecretId: id }));
  const secret = await unlessMissing(asked, "ResourceNotFoundException");
  return Object.keys(secret?.VersionIdsToStages ?? {}).length > 1;
}
