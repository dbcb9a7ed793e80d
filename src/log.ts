import type { Clock } from "./clock.ts";
import { OutsideError } from "./core/problem.ts";
import { text } from "./log-text.ts";

/** Flat values are best: each is a column to search by. `msg` stays the same for the same event; what varies is a field. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  info(msg: string, fields?: Fields): void;
  warn(msg: string, fields?: Fields): void;
  /** `error`: whatever was caught, its causes included; or fields alone. */
  error(msg: string, error?: unknown, fields?: Fields): void;
  /** The same log with these fields on every line: delivery, repo, sha, target. */
  with(fields: Fields): Log;
}

export interface LogOptions {
  /** Takes one line without its end. */
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly fields?: Fields;
}

const MAX_DEPTH = 5;
const MAX_ITEMS = 50;
const MAX_CAUSES = 5;

/** One JSON object a line. Never throws, whatever it is handed: a log line must not end what it reports on. */
export function createLog({ write, clock, fields = {} }: LogOptions): Log {
  const line = (level: "info" | "warn" | "error", msg: string, ...parts: Fields[]): void =>
    write(entry({ time: new Date(clock.now()).toISOString(), level, msg }, [fields, ...parts]));
  return {
    info: (msg, more = {}) => line("info", msg, more),
    warn: (msg, more = {}) => line("warn", msg, more),
    error: (msg, error, more = {}) => line("error", msg, more, isPlain(error) ? error : errorFields(error)),
    with: (more) => createLog({ write, clock, fields: { ...fields, ...more } }),
  };
}

/** Its own three come first, and no field passes for one of them. */
function entry(own: { time: string; level: string; msg: string }, parts: readonly Fields[]): string {
  try {
    return JSON.stringify({ ...own, ...printableFields(Object.assign({}, ...parts)), ...own });
  } catch (error) {
    // A getter or a toJSON of what was logged threw.
    return JSON.stringify({ ...own, unprintable: text(String(error)) });
  }
}

const printableFields = (fields: Fields): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, printable(key, value, 0)]));

const errorFields = (error: unknown): Fields => (error === undefined ? {} : { error });

const isPlain = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** A copy that JSON can carry: bounded in length, depth and breadth, without secrets and what looks like one. */
function printable(key: string, value: unknown, depth: number): unknown {
  if (typeof value === "string") return secretName.test(key) ? "[secret]" : text(value);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return errorChain(value);
  // A Secret says `[secret]` here, a Date its ISO form.
  if ("toJSON" in value && typeof value.toJSON === "function")
    return printable(key, (value.toJSON as () => unknown)(), depth + 1);
  // Depth ends cycles as well.
  if (depth >= MAX_DEPTH) return "[deep]";
  if (value instanceof Map) return printable(key, Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, MAX_ITEMS).map((item: unknown) => printable(key, item, depth + 1));
  }
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(entries.map(([name, item]) => [name, printable(name, item, depth + 1)]));
}

/** `Authorization: x` in an object has no `=` beside it for a pattern to find. */
const secretName = /^(?:authorization|cookie|set-cookie|password|token|secret|private_?key)$/i;

/** Each cause on its way down, named by what it is and says; stacks only for what nobody expected. */
function errorChain(error: Error): unknown {
  const chain: Record<string, unknown>[] = [];
  for (
    let each: unknown = error;
    each !== undefined && chain.length < MAX_CAUSES;
    each = each instanceof Error ? each.cause : undefined
  ) {
    chain.push(each instanceof Error ? describeError(each) : { message: printable("", each, MAX_DEPTH) });
  }
  const [first, ...causes] = chain;
  return causes.length === 0 ? first : { ...first, causes };
}

function describeError(error: Error): Record<string, unknown> {
  const about = { name: error.name, message: text(error.message) };
  if (error instanceof OutsideError) return { ...about, code: error.problem.code, retryable: error.problem.retryable };
  const code = "code" in error && ["string", "number"].includes(typeof error.code) ? { code: error.code } : {};
  const stack = error.stack === undefined ? {} : { stack: text(error.stack) };
  return { ...about, ...code, ...stack };
}
