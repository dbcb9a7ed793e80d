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
  /** It stands in the way of everything in this installation, not of this call alone: it is suspended, or gone. */
  readonly whole?: "installation";
  /** What only a person can change, however often it is tried. */
  readonly missing?: MissingRight;
  /** The same for whatever is no single right: what is wrong and who does what about it, as it is said on GitHub. */
  readonly advice?: string;
}

/** A right that the cluster does not give us: `create` on `deployments.apps`, in a namespace or (null) in the whole cluster. */
export interface MissingRight {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | null;
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
