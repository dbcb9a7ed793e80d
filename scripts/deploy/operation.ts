import {
  type CloudFormationClient,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  type StackEvent,
} from "@aws-sdk/client-cloudformation";
import { setTimeout as delay } from "node:timers/promises";
import { progressLine } from "./progress.ts";

/** How an operation on a stack ended, with all that happened in it, oldest first. */
export interface Ended {
  readonly status: string;
  readonly events: readonly StackEvent[];
}

/** By its id and not its name: a stack that is gone answers to its id alone. */
export interface Watched {
  readonly cloudFormation: CloudFormationClient;
  readonly stackId: string;
  /** The last event before the operation began; what is older is not of it. */
  readonly after: string | null;
  /** It was seen to be under way: the first rest ends it. Otherwise one's own must be seen to begin first. */
  readonly hasBegun?: boolean;
  readonly print: (line: string) => void;
}

/** The newest event of a stack; null where there is none. */
export async function lastEvent(cloudFormation: CloudFormationClient, stackId: string): Promise<string | null> {
  const { StackEvents = [] } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: stackId }));
  return StackEvents[0]?.EventId ?? null;
}

/** Prints each event once as it comes, until the stack rests. */
export async function follow({ cloudFormation, stackId, after, hasBegun = false, print }: Watched): Promise<Ended> {
  const events: StackEvent[] = [];
  const began = Date.now();
  for (;;) {
    // Asked first: what led to this status is among the events then.
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackId }));
    const status = Stacks[0]?.StackStatus ?? "";
    const fresh = await eventsAfter(cloudFormation, stackId, events.at(-1)?.EventId ?? after);
    for (const event of fresh) {
      events.push(event);
      const line = progressLine(event, stackId);
      if (line !== null) print(line);
    }
    // For a moment a stack may still show how it rested before the operation.
    const isOver = hasBegun || events.some((event) => isRest(event, stackId, status));
    if (isOver && !status.endsWith("_IN_PROGRESS")) return { status, events };
    await delay(Math.min(3_000, Math.max(250, (Date.now() - began) / 10)));
  }
}

const isRest = ({ PhysicalResourceId, ResourceStatus }: StackEvent, stackId: string, status: string): boolean =>
  PhysicalResourceId === stackId && ResourceStatus === status;

/** Oldest first. They are listed newest first, a page at a time. */
async function eventsAfter(
  cloudFormation: CloudFormationClient,
  stackId: string,
  after: string | null,
): Promise<StackEvent[]> {
  const found: StackEvent[] = [];
  let token: string | undefined;
  do {
    const page = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: stackId, NextToken: token }));
    for (const event of page.StackEvents ?? []) {
      if (event.EventId === after) return found.reverse();
      found.push(event);
    }
    token = page.NextToken;
  } while (token !== undefined);
  return found.reverse();
}
