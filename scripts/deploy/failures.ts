import type { StackEvent } from "@aws-sdk/client-cloudformation";

/** What went wrong first, in CloudFormation's words, and what to do about it where that is known. */
export interface Failure {
  readonly resource: string;
  readonly type: string;
  readonly reason: string;
  readonly remedy: string | null;
}

/** Of one operation's events, oldest first. What was cancelled because something else failed is not the cause. */
export function firstFailure(events: readonly StackEvent[], stackId: string): Failure | null {
  const failed = events.filter(
    ({ ResourceStatus = "", ResourceStatusReason = "" }) =>
      ResourceStatus.endsWith("_FAILED") && !/cancelled/i.test(ResourceStatusReason),
  );
  // The stack's own failure only lists the resources that failed, unless nothing else did.
  const first = failed.find(({ PhysicalResourceId }) => PhysicalResourceId !== stackId) ?? failed[0];
  if (first === undefined) return null;
  const reason = (first.ResourceStatusReason ?? "no reason given").trim();
  return {
    resource: first.LogicalResourceId ?? "",
    type: first.ResourceType ?? "",
    reason,
    remedy: remedyFor(reason, first.ResourceType ?? ""),
  };
}

/** First match wins. The texts are the services' own and not part of any contract: an unknown one is shown as it is. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /ReservedConcurrentExecutions|UnreservedConcurrentExecution|minimum value of \[?\d+/i,
    "the account's limit of concurrent functions is too low to reserve from: deploy with --set WebhookConcurrency=0, or ask AWS for a higher limit (Service Quotas, Lambda, concurrent executions)",
  ],
  [
    /is not authorized to perform: ?([\w:]+)|AccessDenied|UnauthorizedOperation/i,
    "whoever deploys needs that right: docs/deploy.md lists them; an organisation's policy (SCP) or a permissions boundary may also forbid it (--set PermissionsBoundary=<arn>)",
  ],
  [
    /scheduled for deletion/i,
    "a secret of that name waits to be deleted: restore it (aws secretsmanager restore-secret) or delete it for good (--force-delete-without-recovery), then deploy again",
  ],
  [
    /already exists|AlreadyExists|name.*in use/i,
    "something of that name is there already and belongs to no stack of Proa: remove or rename it, or deploy under another name with --stack",
  ],
  [
    /LimitExceeded|limit.*exceeded|quota|too many/i,
    "a limit of the account is reached: ask for a higher one under Service Quotas, then deploy again",
  ],
  [
    /NoSuchKey|specified key does not exist/i,
    "a bundle is gone from the bucket: deploy again, it is uploaded when it is missing",
  ],
  [/Throttl|Rate exceeded|TooManyRequests/i, "AWS was asked too often at once: deploy again in a minute"],
  [
    /stack policy|Action denied by stack policy/i,
    "the stack's policy protects what holds data: --replace-data allows it for one deploy",
  ],
  [
    /subnet|security group|vpc|network interface/i,
    "SubnetIds and SecurityGroupIds must exist, be of one VPC and of this region",
  ],
  [/role defined for the function cannot be assumed/i, "IAM had not spread the new role yet: deploy again"],
];

export function remedyFor(reason: string, type: string): string | null {
  const known = REMEDIES.find(([pattern]) => pattern.test(reason))?.[1];
  if (known !== undefined) return known;
  return type === "AWS::Lambda::EventSourceMapping" && /visibility/i.test(reason)
    ? "a queue's visibility timeout must not be shorter than its function's timeout"
    : null;
}
