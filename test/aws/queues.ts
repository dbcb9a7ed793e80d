import { GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type AwsEnvironment, clientOptions } from "./ministack.ts";

export interface Queues {
  /** A message is visible or being worked on; those that are delayed rest. */
  busy(): Promise<boolean>;
  deadLetters(): Promise<{ queue: string; group: string; body: string; receives: number }[]>;
}

const LIVE = ["DeployerQueueUrl", "ReporterQueueUrl", "TickQueueUrl"] as const;
const DEAD = ["DeployerDeadQueueUrl", "ReporterDeadQueueUrl", "TickDeadQueueUrl"] as const;

/** A stack's queues, by its outputs, as whoever operates it looks at them. */
export function lookAtQueues(env: AwsEnvironment, outputs: Readonly<Record<string, string>>): Queues {
  const sqs = new SQSClient(clientOptions(env));

  async function waiting(queue: string): Promise<number> {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: outputs[queue],
        AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
      }),
    );
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  }

  async function letters(queue: string) {
    // At once visible again: they are looked at, not taken.
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: outputs[queue],
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
        MessageSystemAttributeNames: ["All"],
      }),
    );
    return Messages.map(({ Body = "", Attributes = {} }) => ({
      queue,
      group: Attributes.MessageGroupId ?? "",
      body: Body,
      receives: Number(Attributes.ApproximateReceiveCount),
    }));
  }

  return {
    busy: async () => (await Promise.all(LIVE.map(waiting))).some((count) => count > 0),
    deadLetters: async () => (await Promise.all(DEAD.map(letters))).flat(),
  };
}
