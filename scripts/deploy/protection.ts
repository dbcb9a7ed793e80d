import { SetStackPolicyCommand, UpdateTerminationProtectionCommand } from "@aws-sdk/client-cloudformation";
import type { Aws } from "./aws.ts";

/**
 * What neither a slip in a template nor a click may take away. A change set's execution takes no policy of its own: to replace
 * data on purpose the policy is lifted before, and set again after. Safe to repeat.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
 */
export async function protect({ cloudFormation }: Aws, stack: string): Promise<void> {
  await cloudFormation.send(new SetStackPolicyCommand({ StackName: stack, StackPolicyBody: policy(PROTECTED) }));
  await cloudFormation.send(
    new UpdateTerminationProtectionCommand({ StackName: stack, EnableTerminationProtection: true }),
  );
}

export async function liftPolicy({ cloudFormation }: Aws, stack: string): Promise<void> {
  await cloudFormation.send(new SetStackPolicyCommand({ StackName: stack, StackPolicyBody: policy([]) }));
}

const PROTECTED = ["AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"];

function policy(types: readonly string[]): string {
  const allow = { Effect: "Allow", Action: "Update:*", Principal: "*", Resource: "*" };
  const deny = {
    Effect: "Deny",
    Action: ["Update:Replace", "Update:Delete"],
    Principal: "*",
    Resource: "*",
    Condition: { StringEquals: { ResourceType: types } },
  };
  return JSON.stringify({ Statement: types.length === 0 ? [allow] : [allow, deny] });
}
