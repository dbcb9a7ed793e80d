import { SQSClient } from "@aws-sdk/client-sqs";

/** Where AWS_ENDPOINT_URL says, as every other client: this one would go to the host of each queue's URL instead. */
export const createSqs = (): SQSClient => new SQSClient({ useQueueUrlAsEndpoint: false });
