/** Where a stack stands, and what that allows. */
export type Standing =
  /** Nothing of it exists: none, or an empty one that only a change set was made for. */
  | { readonly kind: "absent" }
  | { readonly kind: "ready" }
  /** Somebody's change is under way. */
  | { readonly kind: "busy" }
  /** Its creation failed and nothing of it runs: it can only be deleted. */
  | { readonly kind: "never-created" }
  /** The return from a failed update failed too. */
  | { readonly kind: "stuck" }
  /** Only a person can say what to do. */
  | { readonly kind: "broken"; readonly remedy: string };

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html lists the statuses. */
export function standingOf(status: string | null): Standing {
  if (status === null || status === "REVIEW_IN_PROGRESS" || status === "DELETE_COMPLETE") return { kind: "absent" };
  if (status.endsWith("_IN_PROGRESS")) return { kind: "busy" };
  switch (status) {
    case "ROLLBACK_COMPLETE":
    case "ROLLBACK_FAILED":
    case "CREATE_FAILED":
      return { kind: "never-created" };
    case "UPDATE_ROLLBACK_FAILED":
      return { kind: "stuck" };
    case "DELETE_FAILED":
      return { kind: "broken", remedy: "its removal failed half-way: run npm run proa -- uninstall again" };
    case "UPDATE_FAILED":
      return {
        kind: "broken",
        remedy:
          "an update was stopped without a rollback: roll it back (aws cloudformation rollback-stack), then deploy again",
      };
    default:
      if (status.endsWith("_COMPLETE")) return { kind: "ready" };
      return { kind: "broken", remedy: "look at its events in the CloudFormation console" };
  }
}
