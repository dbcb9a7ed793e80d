import { OutsideError } from "../core/problem.ts";

/**
 * A name as one part of an API's path. Encoding keeps slashes and signs inside it, but not these: every URL parser takes `.` and
 * `..` for steps even when they are encoded (https://url.spec.whatwg.org/#double-dot-path-segment), and with an empty name the path
 * is the whole collection's, which one request can delete.
 */
export function pathSegment(name: string): string {
  if (/^\.{0,2}$/.test(name) || !name.isWellFormed()) {
    const detail = `${JSON.stringify(name)} is not a name that can be asked for`;
    throw new OutsideError({ code: "invalid", detail, retryable: false });
  }
  return encodeURIComponent(name);
}
