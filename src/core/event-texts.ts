import { aRef, type Kind, matching } from "./event-payload.ts";
import type { Millis } from "./names.ts";

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
