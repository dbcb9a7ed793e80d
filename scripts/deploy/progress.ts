import type { StackEvent } from "@aws-sdk/client-cloudformation";
import { styleText } from "node:util";
import { wrap } from "./text.ts";

const VERBS: Readonly<Record<string, string>> = {
  CREATE_COMPLETE: "created",
  UPDATE_COMPLETE: "updated",
  DELETE_COMPLETE: "removed",
  DELETE_SKIPPED: "kept",
  IMPORT_COMPLETE: "adopted",
};

/** One line for what a person waits for; null for the steps in between. Of the stack itself only that it turns back. */
export function progressLine(event: StackEvent, stackId: string): string | null {
  const {
    ResourceStatus = "",
    LogicalResourceId = "",
    ResourceType = "",
    ResourceStatusReason = "",
    Timestamp,
  } = event;
  const time = styleText("dim", Timestamp?.toISOString().slice(11, 19) ?? "");
  if (event.PhysicalResourceId === stackId)
    return ResourceStatus.endsWith("ROLLBACK_IN_PROGRESS")
      ? `  ${time}  ${styleText("yellow", "turning back")}: everything returns to how it was`
      : null;
  const what = `${LogicalResourceId} ${styleText("dim", `(${shortType(ResourceType)})`)}`;
  if (ResourceStatus.endsWith("_FAILED"))
    return /cancelled/i.test(ResourceStatusReason)
      ? null
      : `  ${time}  ${styleText("red", "failed ".padEnd(7))}  ${what}\n${wrap(ResourceStatusReason, 12)}`;
  const verb = VERBS[ResourceStatus];
  return verb === undefined ? null : `  ${time}  ${verb.padEnd(7)}  ${what}`;
}

/** `AWS::Lambda::Function` → `Lambda::Function`. */
export const shortType = (type: string): string => type.replace(/^AWS::/, "");
