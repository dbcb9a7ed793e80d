import { expect, test } from "vitest";
import { OutsideError } from "../src/core/problem.ts";
import { createLog } from "../src/log.ts";
import { Secret } from "../src/secret.ts";

function capture(fields = {}) {
  const lines: string[] = [];
  const log = createLog({
    write: (line) => void lines.push(line),
    clock: { now: () => Date.parse("2026-03-01T12:00:00Z") },
    fields,
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
}

test("a line is one JSON object: time, level, message, then the fields flat", () => {
  const { log, lines } = capture({ delivery: "d-1" });
  log.with({ repo: "acme/shop" }).info("deploy", { sha: "abc", text: "two\nlines" });
  expect(lines).toEqual([
    '{"time":"2026-03-01T12:00:00.000Z","level":"info","msg":"deploy","delivery":"d-1","repo":"acme/shop","sha":"abc","text":"two\\nlines"}',
  ]);
});

test("a field cannot pass for the line's own", () => {
  const { log, last } = capture();
  log.warn("slow", { level: "info", msg: "fine", time: "never" });
  expect(last()).toEqual({ time: "2026-03-01T12:00:00.000Z", level: "warn", msg: "slow" });
});

test("an error shows its name, code and causes, and a stack where it was not expected", () => {
  const { log, last } = capture();
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  log.error(
    "walk failed",
    new OutsideError({ code: "unavailable", detail: "GET /x: reset", retryable: true }, { cause: reset }),
    { target: "env/1/staging" },
  );
  expect(last()).toMatchObject({
    level: "error",
    target: "env/1/staging",
    error: {
      name: "OutsideError",
      message: "GET /x: reset",
      code: "unavailable",
      causes: [{ name: "Error", code: "ECONNRESET", stack: expect.stringContaining("log.test.ts") as string }],
    },
  });
});

test("what is thrown need not be an error, and fields alone will do", () => {
  const { log, last } = capture();
  log.error("odd", "just text");
  expect(last()).toMatchObject({ error: "just text" });
  log.error("refused", { status: 401 });
  expect(last()).toMatchObject({ status: 401 });
});

test("an error that causes itself ends somewhere", () => {
  const { log, last } = capture();
  const error = new Error("round");
  error.cause = error;
  log.error("loop", error);
  expect((last()["error"] as { causes: unknown[] }).causes).toHaveLength(4);
});

test.each([
  ["a Secret", { key: new Secret("hunter22hunter22") }],
  ["an installation token", { note: "sent ghs_77_hunter22hunter22" }],
  ["a header", { headers: { authorization: "hunter22hunter22" } }],
  ["a URL with a password", { url: "https://proa:hunter22hunter22@registry.example" }],
  ["an error's message", { error: new Error("Bearer hunter22hunter22 was refused") }],
  ["a private key", { pem: "-----BEGIN RSA PRIVATE KEY-----\nhunter22hunter22\n-----END RSA PRIVATE KEY-----" }],
])("%s stays out of the log", (_, fields) => {
  const { log, lines } = capture();
  log.info("something", fields);
  expect(lines[0]).not.toContain("hunter22");
  expect(lines[0]).toContain("[secret]");
});

test("anything can be handed in: cycles, bigints, maps, functions, throwing getters, long texts", () => {
  const { log, lines, last } = capture();
  const cycle: Record<string, unknown> = { name: "round" };
  cycle["self"] = cycle;
  log.info("cycle", {
    cycle,
    big: 3804004623172239366n,
    map: new Map([["a", 1]]),
    set: new Set([1]),
    at: new Date(0),
    log: capture,
  });
  expect(last()).toMatchObject({
    big: "3804004623172239366",
    map: { a: 1 },
    set: [1],
    at: "1970-01-01T00:00:00.000Z",
    log: "[function capture]",
  });
  log.info("getter", {
    get broken(): string {
      throw new Error("no");
    },
  });
  expect(last()).toMatchObject({ msg: "getter" });
  log.info("nested getter", {
    inner: {
      get broken(): string {
        throw new Error("no");
      },
    },
  });
  expect(last()).toMatchObject({ msg: "nested getter", unprintable: "Error: no" });
  log.info("long", { text: "word ".repeat(10_000), list: Array.from({ length: 1000 }, () => 1) });
  expect(lines.at(-1)?.length).toBeLessThan(2500);
});
