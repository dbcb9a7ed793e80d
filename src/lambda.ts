import type { LambdaFunctionURLEvent, LambdaFunctionURLResult, SQSBatchResponse, SQSEvent } from "aws-lambda";

/** A Function URL's event as the request it was: header names in lower case, the body as it came. */
export function toRequest(event: LambdaFunctionURLEvent): {
  method: string;
  headers: Record<string, string | undefined>;
  body: Uint8Array | string;
} {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(event.headers)) headers[name.toLowerCase()] = value;
  const { body = "" } = event;
  return {
    method: event.requestContext.http.method,
    headers,
    body: event.isBase64Encoded ? Buffer.from(body, "base64") : body,
  };
}

export const toResult = ({ status, body }: { status: number; body: string }): LambdaFunctionURLResult => ({
  statusCode: status,
  headers: { "content-type": "application/json" },
  body,
});

/**
 * Handles the records of one batch in order. On a FIFO queue everything behind a failure goes back with it, so that no message
 * of the same group overtakes the failed one.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export async function eachRecord(
  event: SQSEvent,
  each: (body: unknown) => Promise<void>,
  failed: (error: unknown, messageId: string) => void,
): Promise<SQSBatchResponse> {
  for (const [index, record] of event.Records.entries()) {
    try {
      await each(JSON.parse(record.body));
    } catch (error) {
      failed(error, record.messageId);
      return { batchItemFailures: event.Records.slice(index).map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
  }
  return { batchItemFailures: [] };
}

/** Built on the first call, so importing a function needs no settings; a failure is not kept. */
export function once<T>(build: () => Promise<T>): () => Promise<T> {
  let built: Promise<T> | null = null;
  return () => {
    built ??= build().catch((error: unknown) => {
      built = null;
      throw error;
    });
    return built;
  };
}
