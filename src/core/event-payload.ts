import { parseRepoId, parseRepoName, parseSha } from "./names.ts";
import type { Millis, RepoId, RepoName, Sha } from "./names.ts";

/** What a field has to be: `parse` answers null for anything else, and `wanted` completes "… is not". */
export interface Kind<T> {
  readonly wanted: string;
  parse(value: unknown): T | null;
}

/** Thrown by `read`, caught once, where a payload enters. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** The field at a dotted path, or a complaint that names it. Own fields only: a payload's `__proto__` is a name like any other. */
export function read<T>(payload: unknown, path: string, kind: Kind<T>): T {
  const value = field(payload, path);
  if (value === undefined) throw new Malformed(`${path} is missing`);
  const parsed = kind.parse(value);
  if (parsed === null) throw new Malformed(`${path} is not ${kind.wanted}`);
  return parsed;
}

/** The field as it is; undefined: there is none. */
export function field(payload: unknown, path: string): unknown {
  let value = payload;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

export const aSha: Kind<Sha> = { wanted: "a full commit id", parse: parseSha };
export const aRepoId: Kind<RepoId> = { wanted: "a repository's number", parse: parseRepoId };
export const aRepoName: Kind<RepoName> = { wanted: "owner/name", parse: parseRepoName };

export const anId: Kind<number> = {
  wanted: "a positive whole number",
  parse: (value) => (typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null),
};

/** Ten digits, as in a target's id. */
export const aPullNumber: Kind<number> = {
  wanted: "a pull request's number",
  parse: (value) => (typeof value === "number" && Number.isInteger(value) && value > 0 && value < 1e10 ? value : null),
};

export const aBoolean: Kind<boolean> = {
  wanted: "true or false",
  parse: (value) => (typeof value === "boolean" ? value : null),
};

export const aList: Kind<readonly unknown[]> = {
  wanted: "a list",
  parse: (value) => (Array.isArray(value) ? (value as readonly unknown[]) : null),
};

/** Actions go into logs and reasons as they are. */
export const anAction: Kind<string> = { wanted: "the name of an action", parse: matching(/^[a-z_]{1,40}$/) };

/** With `[bot]` for apps and `_` for enterprise-managed users. */
export const aLogin: Kind<string> = { wanted: "a user's name", parse: matching(/^[A-Za-z0-9_-]{1,100}(?:\[bot\])?$/) };

export const aShortText: Kind<string> = {
  wanted: "a text of at most 255 characters",
  parse: matching(/^[^\p{Cc}]{0,255}$/u),
};

/** GitHub caps a comment at 65,536 characters. */
export const aComment: Kind<string> = {
  wanted: "a comment's text",
  parse: (value) => (typeof value === "string" ? value : null),
};

/** https://git-scm.com/docs/git-check-ref-format; GitHub allows 255 bytes for the whole ref. */
export const aRef: Kind<string> = {
  wanted: "a git ref",
  parse: matching(/^refs\/(?!.*\.\.)(?!.*@\{)(?!.*\/\/)[^\p{Cc} ~^:?*[\\]{1,250}$/u),
};

export const aTime: Kind<Millis> = {
  wanted: "a time",
  parse: (value) => {
    const at = typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
    return Number.isNaN(at) ? null : at;
  },
};

/** As on the queue: the ref without `refs/heads/`. */
export const aBranch: Kind<string> = {
  wanted: "a branch's name",
  parse: (value) => (typeof value === "string" && aRef.parse(`refs/heads/${value}`) !== null ? value : null),
};

function matching(pattern: RegExp): (value: unknown) => string | null {
  return (value) => (typeof value === "string" && pattern.test(value) ? value : null);
}

/**
 * The event's type travels in a header that GitHub does not sign. A signed body replayed under another type is told by the
 * fields that only its own type has: https://docs.github.com/webhooks/webhook-events-and-payloads
 */
export function misfit(event: string, payload: unknown): string | null {
  const shape = SHAPES.get(event);
  if (shape === undefined) return null;
  const lacking = shape.has.find((name) => field(payload, name) === undefined);
  if (lacking !== undefined) return `${lacking} is missing: this is not the payload of ${event}`;
  const foreign = shape.lacks.find((name) => field(payload, name) !== undefined);
  return foreign === undefined ? null : `${foreign} is there: this is not the payload of ${event}`;
}

const SHAPES: ReadonlyMap<string, { readonly has: readonly string[]; readonly lacks: readonly string[] }> = new Map([
  ["pull_request", { has: ["action", "number", "pull_request"], lacks: ["review", "comment", "thread"] }],
  ["push", { has: ["ref", "before", "after"], lacks: ["action", "ref_type"] }],
  ["check_run", { has: ["action", "check_run"], lacks: ["check_suite", "deployment", "workflow_run"] }],
  ["check_suite", { has: ["action", "check_suite"], lacks: ["check_run", "workflow_run"] }],
  ["status", { has: ["sha", "context", "state"], lacks: ["action", "ref"] }],
  ["issue_comment", { has: ["action", "issue", "comment"], lacks: ["pull_request", "discussion"] }],
  ["merge_group", { has: ["action", "merge_group"], lacks: ["pull_request"] }],
  ["installation", { has: ["action", "installation.account"], lacks: ["repositories_added"] }],
  [
    "installation_repositories",
    { has: ["action", "repositories_added", "repositories_removed"], lacks: ["repository"] },
  ],
]);
