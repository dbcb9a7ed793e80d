import { CloudFormationClient, DescribeStacksCommand, type Stack as Described } from "@aws-sdk/client-cloudformation";
import { Stop } from "./stop.ts";

/** Proa's stack as CloudFormation describes it. */
export interface Stack {
  /** Its ARN: what a stack that is gone still answers to. */
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly status: string;
  readonly statusReason: string | null;
  readonly createdAt: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** null: there is none of that name in the region. */
export async function describeStack(name: string, client = new CloudFormationClient()): Promise<Stack | null> {
  const region = await client.config.region().catch((cause: unknown) => {
    throw new Stop("no AWS region is set: export AWS_REGION=eu-west-1, or whichever Proa is deployed to", { cause });
  });
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks[0] === undefined ? null : stackOf(Stacks[0], name, region);
  } catch (error) {
    // CloudFormation has no error of its own for this: "Stack with id proa does not exist".
    if (error instanceof Error && error.name === "ValidationError" && /does not exist/.test(error.message)) return null;
    throw error;
  }
}

/** The stack, where nothing can be done without it. */
export async function requireStack(name: string): Promise<Stack> {
  const stack = await describeStack(name);
  if (stack !== null) return stack;
  throw new Stop(`there is no stack "${name}" in this region: run npm run deploy first, or name another with --stack`);
}

function stackOf(stack: Described, name: string, region: string): Stack {
  return {
    id: stack.StackId ?? name,
    name,
    region,
    // arn:aws:cloudformation:<region>:<account>:stack/…
    account: stack.StackId?.split(":")[4] ?? "",
    status: stack.StackStatus ?? "",
    statusReason: stack.StackStatusReason ?? null,
    createdAt: stack.CreationTime?.getTime() ?? 0,
    outputs: table(stack.Outputs, ({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    parameters: table(stack.Parameters, ({ ParameterKey, ParameterValue }) => [ParameterKey, ParameterValue]),
    tags: table(stack.Tags, ({ Key, Value }) => [Key, Value]),
  };
}

type Pair = readonly [string | undefined, string | undefined];

const table = <T>(list: readonly T[] | undefined, pairOf: (item: T) => Pair): Record<string, string> =>
  Object.fromEntries(
    (list ?? []).map(pairOf).filter((pair): pair is [string, string] => pair[0] !== undefined && pair[1] !== undefined),
  );

/** What the stack says its webhook's address is. */
export function webhookUrl({ name, outputs }: Stack): string {
  const url = outputs["WebhookUrl"];
  if (url === undefined) throw new Stop(`the stack "${name}" has no output WebhookUrl: deploy this version of Proa`);
  return url;
}

/** Where the functions read their secrets; a stack may have been given ones that were there before. */
export const secretIds = ({ name, outputs }: Stack): { readonly app: string; readonly webhook: string } => ({
  app: outputs["AppSecretArn"] ?? `${name}/app`,
  webhook: outputs["WebhookSecretArn"] ?? `${name}/webhook`,
});
