import type { Group, Message } from "./message.ts";
import { targetId, topicId } from "./names.ts";

/** What is handled one at a time, in order: a target, or what has to be fanned out to targets first. */
export function groupOf(message: Message): Group {
  switch (message.kind) {
    case "look":
    case "tick":
      return targetId(message.target);
    case "command":
      return message.target === null ? topicId({ kind: "repo", repoId: message.repoId }) : targetId(message.target);
    case "commit":
    case "image":
      return topicId(message);
    case "branch":
      return topicId({ kind: "repo", repoId: message.repoId });
    case "installation":
      return `installation/${message.installation}`;
  }
}

/**
 * The same for a redelivery, which keeps its GUID: the queue swallows it for five minutes, which is right, for it took the first.
 * One delivery looks at a target once, whether it named the target or a fan-out of the same delivery did. At most 128
 * characters, as SQS wants: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function dedupId(message: Message): string {
  switch (message.kind) {
    case "look":
      return `${message.delivery}:${targetId(message.target)}`;
    case "tick":
      return `tick:${targetId(message.target)}:${message.n}`;
    case "commit":
    case "branch":
    case "image":
    case "command":
    case "installation":
      return `${message.delivery}:${message.kind}`;
  }
}
