import { parseRepoId, parseRepoName, parseSha } from "./names.ts";
import type { RepoId, RepoName, Sha } from "./names.ts";

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

/** https://git-scm.com/docs/git-check-ref-format; GitHub allows 255 bytes for the whole ref. */
export const aRef: Kind<string> = {
  wanted: "a git ref",
  parse: matching(/^refs\/(?!.*\.\.)(?!.*@\{)(?!.*\/\/)[^\p{Cc} ~^:?*[\\]{1,250}$/u),
};

/** A text of this form. */
export function matching(pattern: RegExp): (value: unknown) => string | null {
  return (value) => (typeof value === "string" && pattern.test(value) ? value : null);
}
