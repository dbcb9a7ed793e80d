import { expect, test } from "vitest";
import { OutsideError } from "../src/core/problem.ts";
import { createLog } from "../src/log.ts";
import { createPlainLog } from "../src/log-plain.ts";

const clock = { now: () => Date.parse("2026-03-01T12:00:00Z") };
const logs = () => {
  const [plain, whole]: [string[], string[]] = [[], []];
  return {
    plain: createPlainLog({ write: (line) => plain.push(line), clock }),
    whole: createLog({ write: (line) => whole.push(line), clock }),
    lines: () => [plain, whole],
  };
};

test("writes the same lines as the whole log, of all that the webhook has to say", () => {
  const { plain, whole, lines } = logs();
  const refused = new OutsideError({
    code: "forbidden",
    detail: "sqs SendMessageBatch: AccessDenied",
    retryable: false,
  });
  for (const log of [plain, whole]) {
    log.info("webhook queued", { delivery: "d-1", event: "push", messages: 2 });
    log.warn("webhook refused", { status: 401, because: "two\nlines", bytes: 25_249 });
    log.info("started");
    log.warn("own", { level: "info", msg: "other", time: "never" });
    log.error("webhook not queued", refused, { groups: ["preview/12/5", "commit/12/abc"] });
    log.info("long", { because: "x".repeat(3_000) });
    log.warn("leaky", { because: "Authorization: Bearer ghs_77_hunter22hunter22" });
  }
  const [fromPlain = [], fromWhole = []] = lines().map((written) => written.map((line) => JSON.parse(line) as unknown));
  expect(fromPlain).toMatchObject(fromWhole as object[]);
  expect(JSON.stringify(fromPlain)).not.toContain("hunter22");
});

test("an error that nobody expected is said with its name, and anything else as text", () => {
  const { plain, lines } = logs();
  plain.error("broken", new TypeError("no such thing"));
  plain.error("odd", "just text");
  expect(lines()[0]).toEqual([
    '{"time":"2026-03-01T12:00:00.000Z","level":"error","msg":"broken","error":{"name":"TypeError","message":"no such thing"}}',
    '{"time":"2026-03-01T12:00:00.000Z","level":"error","msg":"odd","error":{"message":"just text"}}',
  ]);
});
