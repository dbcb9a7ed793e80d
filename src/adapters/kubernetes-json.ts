import { OutsideError, type Problem } from "../core/problem.ts";

/** The API server's JSON, which is `unknown` until one of these functions has named it. */
export type Json = Readonly<Record<string, unknown>>;

/** `code`: what it means for the caller that a success cannot be read; after a write it has happened all the same. */
export function parseBody(body: string, code: Problem["code"] = "unavailable"): unknown {
  const value = json(body);
  if (value === undefined) throw unreadable(`an answer that is not JSON: ${body.slice(0, 120)}`, code);
  return value;
}

export const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown, absent = ""): string =>
  typeof value === "string" && value !== "" ? value : absent;

export const unreadable = (what: string, code: Problem["code"] = "unavailable"): OutsideError =>
  new OutsideError({ code, detail: `The cluster answered with ${what}.`, retryable: true });

function json(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

export function parsePage(value: unknown): { items: unknown[]; next: string | null } {
  const page = object(value);
  if (!Array.isArray(page["items"])) throw unreadable("a list without items");
  return { items: list(page["items"]), next: text(object(page["metadata"])["continue"]) || null };
}

/** `metav1.Status`, the body of every refusal. */
export interface KubeStatus {
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
  readonly retryAfterSeconds: number | null;
}

export function parseStatus(body: string): KubeStatus {
  const status = object(json(body));
  const details = object(status["details"]);
  return {
    reason: text(status["reason"]),
    // A proxy in front of the API server answers with a page, not with a Status: its beginning is all we can say.
    message: text(status["message"]) || body.slice(0, 200).trim(),
    causes: list(details["causes"]).map((value) => {
      const cause = object(value);
      return { reason: text(cause["reason"]), message: text(cause["message"]), field: text(cause["field"]) };
    }),
    retryAfterSeconds: typeof details["retryAfterSeconds"] === "number" ? details["retryAfterSeconds"] : null,
  };
}
