import { OutsideError } from "./core/problem.ts";
import type { Fields, Log, LogOptions } from "./log.ts";
import { text } from "./log-text.ts";

export type PlainLog = Pick<Log, "info" | "warn" | "error">;

/**
 * The lines that `createLog` writes, for whoever has nothing but texts, numbers and lists of them to say, and errors without causes:
 * the webhook, where everything else that a log can print would be a tenth of what is loaded before the first answer.
 */
export function createPlainLog({ write, clock }: Pick<LogOptions, "write" | "clock">): PlainLog {
  const line = (level: string, msg: string, fields: Fields): void => {
    const own = { time: new Date(clock.now()).toISOString(), level, msg };
    write(JSON.stringify({ ...own, ...Object.fromEntries(Object.entries(fields).map(bounded)), ...own }));
  };
  return {
    info: (msg, fields = {}) => line("info", msg, fields),
    warn: (msg, fields = {}) => line("warn", msg, fields),
    error: (msg, error, fields = {}) => line("error", msg, { ...fields, error: described(error) }),
  };
}

const bounded = ([name, value]: [string, unknown]): [string, unknown] => [
  name,
  typeof value === "string" ? text(value) : value,
];

function described(error: unknown): Fields {
  if (!(error instanceof Error)) return { message: text(String(error)) };
  const { code, retryable } = error instanceof OutsideError ? error.problem : {};
  return { name: error.name, message: text(error.message), code, retryable };
}
