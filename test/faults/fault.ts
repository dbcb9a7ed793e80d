import { OutsideError, type Problem } from "../../src/core/problem.ts";

/** What can become of one outside call. "After": it took effect, and its answer never came. */
export const FAULTS = ["die before", "die after", "timeout after", "5xx", "429", "409/422", "reset"] as const;
export type Fault = (typeof FAULTS)[number];

/** A method of one of the effects: `store.save`, `github.createStatus`. */
export interface Call {
  readonly effect: string;
  readonly method: string;
}

export const nameOf = ({ effect, method }: Call): string => `${effect}.${method}`;

/** How a call ends that met a fault other than a death: with a value, or thrown as its adapter throws it. */
export async function suffer<T>(
  call: Call,
  fault: Exclude<Fault, `die ${string}`>,
  make: () => Promise<T>,
): Promise<T> {
  if (fault === "timeout after") await make();
  if (fault === "409/422") {
    const refusal = refusalOf(call);
    if (refusal !== null && "answer" in refusal) return refusal.answer as T;
    if (refusal !== null) throw new OutsideError({ ...refusal.problem, detail: `${nameOf(call)}: refused` });
  }
  const name = nameOf(call);
  // Store and queue fail as an SDK does, which the walk leaves to the queue's retry.
  if (isOwn(call)) throw new Error(`${name}: ${fault}`);
  throw new OutsideError(problemOf(call, fault));
}

/** As `github-problem.ts`, `kubernetes-errors.ts`, `kubernetes-request.ts` and `registry-oci-call.ts` put it. */
function problemOf(call: Call, fault: Fault): Problem {
  const detail = `${nameOf(call)}: ${fault}`;
  if (fault === "429") return { code: "rate-limited", detail, retryable: true, retryAfterMs: 3_000 };
  // A reset while connecting: nothing was sent. Later nobody knows, and a 5xx says nothing about what was done.
  if (fault === "reset" || isRead(call)) return { code: "unavailable", detail, retryable: true };
  return { code: "unknown-result", detail, retryable: call.effect !== "github" };
}

/** Whether the method has an answer of its own for a conflict or a refusal. */
export const refuses = (call: Call): boolean => refusalOf(call) !== null;

type Refusal = { readonly answer: unknown } | { readonly problem: Pick<Problem, "code" | "retryable"> };

/** What a conflict or a refusal looks like from that method; null: it has none. */
function refusalOf(call: Call): Refusal | null {
  switch (nameOf(call)) {
    case "store.save":
      return { answer: { kind: "conflict" } };
    case "cluster.apply":
    case "cluster.patchImage":
      return { answer: { kind: "stale", detail: `${nameOf(call)}: it changed since it was read` } };
    case "cluster.deleteNamespace":
    case "cluster.remove":
      return { answer: "deleting" };
    case "cluster.create":
      return { problem: { code: "conflict", retryable: true } };
    default:
      return isOwn(call) ? null : { problem: { code: "invalid", retryable: false } };
  }
}

const isOwn = ({ effect }: Call): boolean => effect === "store" || effect === "queue" || effect === "outbox";

export const isRead = (call: Call): boolean => call.effect !== "queue" && !WRITES.test(call.method);

const WRITES = /^(?:save|put|lease|endLease|done|later|create|update|react|redeliver|apply|patch|delete|remove)/;
