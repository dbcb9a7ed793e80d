import type { Millis } from "../core/names.ts";
import { OutsideError, type Problem } from "../core/problem.ts";

/** How a request ended that was not answered as hoped. */
export type Failure =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers: Readonly<Record<string, string | number | undefined>>;
      readonly message: string;
    }
  | { readonly kind: "no answer"; readonly code: string; readonly message: string };

/** What is no failure of a request (a bug, an OutsideError from getting the token) stays as it is. */
export function outside(asked: string, writes: boolean, error: unknown, now: Millis): unknown {
  const failure = failureOf(error);
  return failure === null ? error : new OutsideError(judgeFailure(asked, writes, failure, now), { cause: error });
}

/** Octokit throws errors with a status; without a response, nothing came back and the reason is the cause. */
export function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return null;
  const { status, message } = error;
  const response =
    "response" in error
      ? (error.response as Pick<Extract<Failure, { kind: "answer" }>, "headers"> | undefined)
      : undefined;
  return response === undefined
    ? { kind: "no answer", code: deepestCode(error), message }
    : { kind: "answer", status, headers: response.headers, message };
}

/** undici wraps a socket's error in a TypeError, Octokit that one in its own. */
function deepestCode(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.cause instanceof Error ? deepestCode(error.cause) || code : code;
}

/**
 * What a failed request means for whoever asked. A write that may have happened is `unknown-result`, never `unavailable`.
 * @param request for people: `POST https://api.github.com/repos/acme/shop/deployments`
 */
export function judgeFailure(request: string, writes: boolean, failure: Failure, now: Millis): Problem {
  const lost = (detail: string): Problem =>
    writes ? { code: "unknown-result", detail, retryable: false } : { code: "unavailable", detail, retryable: true };

  if (failure.kind === "no answer") {
    const detail = `${request}: ${failure.message}`;
    return neverSent.has(failure.code) ? { code: "unavailable", detail, retryable: true } : lost(detail);
  }

  const { status, headers, message } = failure;
  const detail = `${request}: ${status} ${message}`;
  const wait = waitDemanded(failure, now);
  if (wait !== null) return { code: "rate-limited", detail, retryable: true, retryAfterMs: wait };
  switch (status) {
    case 401:
    case 403:
      return {
        code: "forbidden",
        detail: `${detail}${neededPermissions(headers)}`,
        retryable: false,
        ...(/installation has been suspended/i.test(message) ? { whole: "installation" } : {}),
      };
    case 404:
    case 410:
      return { code: "not-found", detail, retryable: false };
    case 409:
      return { code: "conflict", detail, retryable: false };
    case 501:
      return { code: "invalid", detail, retryable: false };
    default:
      return status >= 500 ? lost(detail) : { code: "invalid", detail, retryable: false };
  }
}

/** The connection was never made, so even a write is safe to repeat. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * How long GitHub wants to be left alone; null: this is no rate limit.
 * https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
 */
function waitDemanded({ status, headers, message }: Extract<Failure, { kind: "answer" }>, now: Millis): Millis | null {
  if (status !== 403 && status !== 429) return null;
  const retryAfter = Number(headers["retry-after"] ?? Number.NaN);
  if (retryAfter >= 0) return retryAfter * 1000;
  const reset = Number(headers["x-ratelimit-reset"] ?? Number.NaN);
  if (Number(headers["x-ratelimit-remaining"] ?? Number.NaN) === 0 && reset > 0)
    return Math.max(1000, reset * 1000 - now);
  return status === 429 || /secondary rate limit|abuse detection|rate limit exceeded/i.test(message) ? 60_000 : null;
}

/** GitHub says which permission a refused call would have taken. */
function neededPermissions(headers: Readonly<Record<string, string | number | undefined>>): string {
  const needed = headers["x-accepted-github-permissions"];
  return needed === undefined || needed === "" ? "" : ` (the App needs: ${needed})`;
}
