import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { type AwsEnvironment, clientOptions } from "./ministack.ts";

export const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** `npm run proa -- …`, as a person in that account; answers what it printed. */
export async function proaCommand(env: AwsEnvironment, args: readonly string[], checkout = CHECKOUT): Promise<string> {
  const command = ["scripts/proa.ts", ...args];
  const environment = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: checkout, env: environment });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`proa ${args.join(" ")}\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Creates the stack, or brings it up to the checkout with these parameters; answers its outputs. */
export async function deployStack(
  env: AwsEnvironment,
  stack: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const assignments = Object.entries(parameters).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  await proaCommand(env, ["deploy", "--apply", "--stack", stack, ...assignments]);
  return outputsOf(env, stack);
}

export async function outputsOf(env: AwsEnvironment, stack: string): Promise<Readonly<Record<string, string>>> {
  const cloudFormation = new CloudFormationClient(clientOptions(env));
  const { Stacks: [described] = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
  const outputs = described?.Outputs ?? [];
  return Object.fromEntries(outputs.map(({ OutputKey = "", OutputValue = "" }) => [OutputKey, OutputValue]));
}
