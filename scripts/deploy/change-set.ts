import {
  type Change,
  ContinueUpdateRollbackCommand,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeEventsCommand,
  ExecuteChangeSetCommand,
  type Parameter,
  type ResourceChange,
  UpdateTerminationProtectionCommand,
} from "@aws-sdk/client-cloudformation";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describeStack } from "../installation/stack.ts";
import { Stop } from "../installation/stop.ts";
import type { Aws } from "./aws.ts";
import { failureText } from "./failure-text.ts";
import { firstFailure, remedyFor } from "./failures.ts";
import { type Ended, follow, lastEvent } from "./operation.ts";
import { standingOf } from "./state.ts";

/** What a stack is to become. */
export interface Wanted {
  readonly stack: string;
  readonly template: { readonly kind: "body"; readonly body: string } | { readonly kind: "url"; readonly url: string };
  readonly parameters: readonly Parameter[];
  readonly tags: Readonly<Record<string, string>>;
}

/** A change set that waits to be executed, or to be thrown away. */
export interface ChangeSet {
  readonly id: string;
  readonly stackId: string;
  readonly changes: readonly ResourceChange[];
}

/** null: nothing would change. Nothing has been changed either way. */
export async function createChangeSet({ cloudFormation }: Aws, wanted: Wanted): Promise<ChangeSet | null> {
  const { stack, template, parameters, tags } = wanted;
  const present = await describeStack(stack, cloudFormation);
  const isNew = standingOf(present?.status ?? null).kind === "absent";
  const { Id: id = "", StackId: stackId = "" } = await cloudFormation.send(
    new CreateChangeSetCommand({
      StackName: stack,
      ChangeSetName: `proa-${randomUUID()}`,
      ChangeSetType: isNew ? "CREATE" : "UPDATE",
      ...(template.kind === "body" ? { TemplateBody: template.body } : { TemplateURL: template.url }),
      Parameters: [...parameters],
      // Roles have names that say whose they are.
      Capabilities: ["CAPABILITY_NAMED_IAM"],
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  );
  return describeWhenMade({ cloudFormation }, { id, stackId });
}

async function describeWhenMade(
  { cloudFormation }: Pick<Aws, "cloudFormation">,
  { id, stackId }: { id: string; stackId: string },
): Promise<ChangeSet | null> {
  const changes: Change[] = [];
  for (let token: string | undefined; ;) {
    const page = await cloudFormation.send(new DescribeChangeSetCommand({ ChangeSetName: id, NextToken: token }));
    if (page.Status === "FAILED") {
      const reason = page.StatusReason ?? "";
      // These two sentences are how CloudFormation says that nothing would change.
      const isEmpty = /didn't contain changes|No updates are to be performed/i.test(reason);
      const errors = isEmpty ? [] : await validationErrors({ cloudFormation }, id);
      await discard({ cloudFormation }, { id });
      if (isEmpty) return null;
      throw new Stop(`CloudFormation refuses the change: ${[reason, ...errors].join("\n  ")}`);
    }
    if (page.Status !== "CREATE_COMPLETE") {
      await delay(500);
      continue;
    }
    changes.push(...(page.Changes ?? []));
    token = page.NextToken;
    if (token === undefined)
      return { id, stackId, changes: changes.flatMap(({ ResourceChange }) => ResourceChange ?? []) };
  }
}

/** What the checks before a deployment found, which a change set's own reason only counts. */
async function validationErrors({ cloudFormation }: Pick<Aws, "cloudFormation">, changeSet: string): Promise<string[]> {
  const { OperationEvents = [] } = await cloudFormation
    .send(new DescribeEventsCommand({ ChangeSetName: changeSet }))
    // It is only a better explanation of a failure that is being told: rights for it are not asked for.
    .catch(() => ({ OperationEvents: [] }));
  return OperationEvents.filter(({ EventType }) => EventType === "VALIDATION_ERROR").map(
    ({ LogicalResourceId, ValidationStatusReason }) => `${LogicalResourceId}: ${ValidationStatusReason}`,
  );
}

export async function discard({ cloudFormation }: Pick<Aws, "cloudFormation">, { id }: { id: string }): Promise<void> {
  await cloudFormation.send(new DeleteChangeSetCommand({ ChangeSetName: id }));
}

/** Executes and follows it to its end; what fails is rolled back by CloudFormation. */
export async function execute(
  { cloudFormation }: Aws,
  { id, stackId }: ChangeSet,
  print: (line: string) => void,
): Promise<Ended> {
  const after = await lastEvent(cloudFormation, stackId);
  try {
    await cloudFormation.send(new ExecuteChangeSetCommand({ ChangeSetName: id, ClientRequestToken: randomUUID() }));
  } catch (error) {
    // Executing one change set deletes the others of the stack.
    if (error instanceof Error && /^(ChangeSetNotFound|InvalidChangeSetStatus)/.test(error.name))
      throw new Stop("somebody else changed the stack in the meantime: run it again to see what is left to do", {
        cause: error,
      });
    throw error;
  }
  return follow({ cloudFormation, stackId, after, print });
}

/** The whole way for a stack that needs no questions: nothing to do, or done, or a `Stop` that says why not. */
export async function changeStack(
  aws: Aws,
  wanted: Wanted & { readonly print: (line: string) => void },
): Promise<void> {
  const standing = standingOf((await describeStack(wanted.stack, aws.cloudFormation))?.status ?? null);
  if (standing.kind === "never-created") await removeFailedCreation(aws, wanted.stack, wanted.print);
  const changeSet = await createChangeSet(aws, wanted);
  if (changeSet === null) return;
  const ended = await execute(aws, changeSet, wanted.print);
  if (/^(CREATE|UPDATE)_COMPLETE$/.test(ended.status)) return;
  throw new Stop(failureText(firstFailure(ended.events, changeSet.stackId), ended.status, wanted.stack));
}

/** Nothing of it ever ran; what it had made, CloudFormation has removed already. */
export async function removeFailedCreation(aws: Aws, stack: string, print: (line: string) => void): Promise<void> {
  const { cloudFormation } = aws;
  await cloudFormation.send(
    new UpdateTerminationProtectionCommand({ StackName: stack, EnableTerminationProtection: false }),
  );
  const ended = await deleteStack(aws, stack, print);
  if (ended !== null && ended.status !== "DELETE_COMPLETE")
    throw new Stop(
      `what a failed creation of ${stack} left could not be removed (${ended.status}): remove the stack in the CloudFormation console`,
    );
}

/** null: there is none. */
export async function deleteStack(
  { cloudFormation }: Aws,
  stack: string,
  print: (line: string) => void,
): Promise<Ended | null> {
  const present = await describeStack(stack, cloudFormation);
  if (present === null) return null;
  const after = await lastEvent(cloudFormation, present.id);
  await cloudFormation.send(new DeleteStackCommand({ StackName: present.id, ClientRequestToken: randomUUID() }));
  return follow({ cloudFormation, stackId: present.id, after, print });
}

/** Tries the return from a failed update once more, with nothing skipped: what it could not do then, it may do now. */
export async function continueRollback(
  { cloudFormation }: Aws,
  stack: string,
  print: (line: string) => void,
): Promise<void> {
  const present = await describeStack(stack, cloudFormation);
  if (present === null) return;
  const after = await lastEvent(cloudFormation, present.id);
  await cloudFormation.send(new ContinueUpdateRollbackCommand({ StackName: stack, ClientRequestToken: randomUUID() }));
  const ended = await follow({ cloudFormation, stackId: present.id, after, print });
  if (ended.status === "UPDATE_ROLLBACK_COMPLETE") return;
  const failure = firstFailure(ended.events, present.id);
  const remedy = failure === null ? null : remedyFor(failure.reason, failure.type);
  throw new Stop(
    `${stack} still cannot return to how it was: ${failure?.resource ?? "it"} ${failure?.reason ?? ""}\n` +
      `${remedy ?? "mend that and run this again"}; or leave it as it is:\n` +
      `aws cloudformation continue-update-rollback --stack-name ${stack} --resources-to-skip ${failure?.resource ?? "<resource>"}`,
  );
}
