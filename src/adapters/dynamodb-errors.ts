import { DynamoDBServiceException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { OutsideError, type Problem } from "../core/problem.ts";

/** A condition of a transaction did not hold: that alone is a conflict. */
export const isUnmet = (error: unknown): boolean => reasons(error).includes("ConditionalCheckFailed");

/**
 * Another transaction had one of the items, or there was too much for a moment: nothing was written, and nothing is known about the
 * conditions. Neither the SDK nor DynamoDB repeats these by itself.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
 */
export function isContended(error: unknown): boolean {
  if (!(error instanceof DynamoDBServiceException)) return false;
  if (error.name === "TransactionConflictException" || error.name === "ReplicatedWriteConflictException") return true;
  const codes = reasons(error).filter((code) => code !== "None");
  return codes.length > 0 && codes.every((code) => PASSING.has(code));
}

const PASSING: ReadonlySet<string> = new Set([
  "TransactionConflict",
  "ProvisionedThroughputExceeded",
  "ThrottlingError",
]);

const reasons = (error: unknown): string[] =>
  error instanceof TransactionCanceledException
    ? (error.CancellationReasons ?? []).map(({ Code }) => Code ?? "None")
    : [];

/**
 * After the SDK's own attempts. What DynamoDB has refused was not written; what it has not answered may have been: `unanswered`.
 * Missing rights and a table that is not there are nothing the next attempt changes, and are thrown as they are: no record can be
 * written about them either.
 */
export function outsideError(error: unknown, what: string, unanswered: "unavailable" | "unknown-result"): Error {
  if (error instanceof OutsideError) return error;
  const cause = { cause: error };
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const problem = (code: Problem["code"]) =>
    new OutsideError({ code, detail: `${what}: ${said}`, retryable: true }, cause);
  if (!(error instanceof DynamoDBServiceException)) {
    const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
    const isNetwork = name === "TimeoutError" || (typeof code === "string" && /^E[A-Z_]+$/.test(code));
    return isNetwork ? problem(unanswered) : new Error(`${what}: ${said}`, cause);
  }
  const status = error.$metadata.httpStatusCode ?? 500;
  if (THROTTLED.has(error.name)) return problem("unavailable");
  return status >= 500 ? problem(unanswered) : new Error(`${what}: ${said}`, cause);
}

const THROTTLED: ReadonlySet<string> = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
  "TransactionInProgressException",
]);
