import type { LambdaFunctionURLEvent, LambdaFunctionURLResult, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { targetId } from "./core/names.ts";
import { isTarget } from "./core/message-parse.ts";
import { eachRecord } from "./lambda.ts";
import type { Log } from "./log.ts";

/** Turns something built per process and a function over one message into a Lambda handler for a queue. */
export function queueHandler<Fx extends { readonly log: Log }>(
  effects: () => Promise<Fx>,
  each: (body: unknown, fx: Fx) => Promise<void>,
): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return async (event) => {
    const fx = await effects();
    return eachRecord(
      event,
      (body) => each(body, { ...fx, log: fx.log.with(about(body)) }),
      (error, messageId) => fx.log.error("message failed", error, { messageId }),
    );
  };
}

export type UrlHandler = (event: LambdaFunctionURLEvent) => Promise<LambdaFunctionURLResult>;

/** The fields by which the lines of one message are found again. */
function about(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null) return {};
  const { delivery, repo, sha, because, target } = body as Record<string, unknown>;
  const fields = { delivery, repo, sha, because, target: isTarget(target) ? targetId(target) : undefined };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}
