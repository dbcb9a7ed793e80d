import { describe, expect, test } from "vitest";
import { judgeFailure } from "../../src/adapters/github-problem.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const answer = (status: number, headers: Record<string, string> = {}, message = "…") =>
  ({ kind: "answer", status, headers, message }) as const;
const reset = String(now / 1000 + 90);
const judge = (writes: boolean, failure: Parameters<typeof judgeFailure>[2]) =>
  judgeFailure("GET /x", writes, failure, now);

describe("what an answer means", () => {
  test.each([
    ["a missing thing", answer(404), { code: "not-found", retryable: false }],
    ["a thing that is gone", answer(410), { code: "not-found", retryable: false }],
    ["no right", answer(403, {}, "Resource not accessible by integration"), { code: "forbidden", retryable: false }],
    [
      "a suspended installation",
      answer(403, {}, "This installation has been suspended"),
      { code: "forbidden", retryable: false, whole: "installation" },
    ],
    ["a conflict", answer(409), { code: "conflict", retryable: false }],
    ["wrong input", answer(422), { code: "invalid", retryable: false }],
    ["a call the server does not know", answer(501), { code: "invalid", retryable: false }],
    [
      "retry-after",
      answer(403, { "retry-after": "30" }),
      { code: "rate-limited", retryable: true, retryAfterMs: 30_000 },
    ],
    [
      "a spent allowance",
      answer(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }),
      { code: "rate-limited", retryable: true, retryAfterMs: 90_000 },
    ],
    [
      "a reset that has just passed",
      answer(429, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1" }),
      { code: "rate-limited", retryable: true, retryAfterMs: 1000 },
    ],
    [
      "a secondary limit",
      answer(
        403,
        { "x-ratelimit-remaining": "4000", "x-ratelimit-reset": reset },
        "You have exceeded a secondary rate limit",
      ),
      { code: "rate-limited", retryable: true, retryAfterMs: 60_000 },
    ],
    ["a bare 429", answer(429), { code: "rate-limited", retryable: true, retryAfterMs: 60_000 }],
  ])("%s", (_, failure, problem) => {
    expect(judge(true, failure)).toMatchObject(problem);
    expect(judge(false, failure)).toMatchObject(problem);
  });

  test("a refusal names the permission that was missing", () => {
    const failure = answer(
      403,
      { "x-accepted-github-permissions": "deployments=write" },
      "Resource not accessible by integration",
    );
    expect(judge(true, failure).detail).toBe(
      "GET /x: 403 Resource not accessible by integration (the App needs: deployments=write)",
    );
  });
});

describe("what may have happened all the same", () => {
  test.each([
    ["a server error", answer(502)],
    ["a reset connection", { kind: "no answer", code: "ECONNRESET", message: "read ECONNRESET" } as const],
    ["a timeout", { kind: "no answer", code: "", message: "The operation was aborted due to timeout" } as const],
  ])("%s: a read is unavailable, a write unknown", (_, failure) => {
    expect(judge(false, failure)).toMatchObject({ code: "unavailable", retryable: true });
    expect(judge(true, failure)).toMatchObject({ code: "unknown-result", retryable: false });
  });

  test("a connection that was never made leaves nothing in doubt", () => {
    const failure = { kind: "no answer", code: "ECONNREFUSED", message: "connect ECONNREFUSED" } as const;
    expect(judge(true, failure)).toMatchObject({ code: "unavailable", retryable: true });
  });
});
