import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { createSqs } from "../installation/sqs.ts";
import type { Letter } from "./letter.ts";

/** Long enough to read, and to send back or delete what was taken; after that others see it again by themselves. */
const HELD_S = 300;
/** More than anybody reads in one go. */
const MOST = 500;

export interface DeadQueue {
  /** Takes them out of others' sight until `release`: of a FIFO queue's group the first ten at most, and some hundreds in all. */
  take(): Promise<readonly Taken[]>;
  release(taken: readonly Taken[]): Promise<void>;
  /**
   * To the end of the queue it came from, then out of this one. Cut off in between, it is sent again and recognised by its id for
   * five minutes, and after that a repeat as any other.
   */
  sendBack(taken: Taken): Promise<void>;
  remove(taken: Taken): Promise<void>;
}

export interface Taken extends Letter {
  readonly receipt: string;
}

/**
 * One by one, and not by StartMessageMoveTask: what a person was shown and chose is what moves, in its order, and nothing that
 * arrived meanwhile.
 */
export function createDeadQueue(deadUrl: string, sourceUrl: string, sqs = createSqs()): DeadQueue {
  async function receive(): Promise<Taken[]> {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: deadUrl,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: HELD_S,
        // Asks all of SQS' servers, and not a few of them: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ["All"],
      }),
    );
    return Messages.map(taken);
  }
  return {
    async take() {
      const found = new Map<string, Taken>();
      for (let batch = await receive(); batch.length > 0; batch = found.size < MOST ? await receive() : []) {
        for (const each of batch) found.set(each.id, each);
      }
      return [...found.values()].sort((a, b) => a.sentAt - b.sentAt);
    },
    async release(all) {
      for (let i = 0; i < all.length; i += 10) {
        const Entries = all
          .slice(i, i + 10)
          .map(({ receipt }, n) => ({ Id: `${n}`, ReceiptHandle: receipt, VisibilityTimeout: 0 }));
        await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: deadUrl, Entries }));
      }
    },
    async sendBack(letter) {
      const order =
        letter.group === null ? {} : { MessageGroupId: letter.group, MessageDeduplicationId: `redrive-${letter.id}` };
      await sqs.send(new SendMessageCommand({ QueueUrl: sourceUrl, MessageBody: letter.body, ...order }));
      await remove(letter);
    },
    remove,
  };

  async function remove({ receipt }: Taken): Promise<void> {
    await sqs.send(new DeleteMessageCommand({ QueueUrl: deadUrl, ReceiptHandle: receipt }));
  }
}

/** Whether something may stand behind these: SQS hands out no more of a message group while they are held. */
export const hasMore = (letters: readonly Taken[]): boolean =>
  letters.length >= MOST ||
  [...Map.groupBy(letters, ({ group }) => group)].some(([group, { length }]) => group !== null && length >= 10);

function taken({ MessageId = "", Body = "", ReceiptHandle = "", Attributes = {} }: Message): Taken {
  return {
    id: MessageId,
    body: Body,
    receipt: ReceiptHandle,
    group: Attributes.MessageGroupId ?? null,
    sentAt: Number(Attributes.SentTimestamp ?? 0),
    receives: Number(Attributes.ApproximateReceiveCount ?? 0),
  };
}
