/** An expected end that is not success: a value, not an exception. */
export interface Problem {
  readonly code:
    | "not-found"
    | "forbidden"
    | "conflict"
    | "invalid"
    | "rate-limited"
    /** The call may or may not have taken effect: read and compare, never retry blind. */
    | "unknown-result"
    | "unavailable";
  readonly detail: string;
  readonly retryable: boolean;
  /** How long the other side asked us to wait. */
  readonly retryAfterMs?: number;
}

/** Thrown by adapters for every failed outside call, so the walk can tell what may be repeated. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";
  readonly problem: Problem;

  constructor(problem: Problem, options?: { cause?: unknown }) {
    super(problem.detail, options);
    this.problem = problem;
  }
}
