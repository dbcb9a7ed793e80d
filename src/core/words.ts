import type { CheckRunBody, DeploymentBody, DeploymentStatusBody, StatusBody } from "./github.ts";
import type { Sha } from "./names.ts";
import type { TargetState } from "./state.ts";
import { checks } from "./words-check.ts";
import { comments } from "./words-comment.ts";
import { deployments } from "./words-deployment.ts";
import { statuses } from "./words-status.ts";

/** One place on GitHub and what it should show. Latest want wins; `key` names the place for ever. */
export type Surface =
  | { readonly kind: "status"; readonly key: string; readonly sha: Sha; readonly body: StatusBody }
  | {
      readonly kind: "deployment";
      readonly key: string;
      readonly body: DeploymentBody;
      readonly status: DeploymentStatusBody;
    }
  | { readonly kind: "check"; readonly key: string; readonly sha: Sha; readonly body: CheckRunBody }
  /** One part of the pull request's one comment; the reporter puts the parts together. "" takes the part out. */
  | {
      readonly kind: "comment";
      readonly key: string;
      readonly number: number;
      readonly part: string;
      /** Where it stands among the parts. */
      readonly order: number;
      readonly text: string;
    }
  | { readonly kind: "reaction"; readonly key: string; readonly commentId: number; readonly accepted: boolean };

/**
 * What GitHub should show for a target: a pure function of its record, so the same record always says the same and a lost
 * write can be made again. What did not change since last time is filtered by the caller (`TargetState.told`).
 */
export function surfaces(state: TargetState, configPath = ".proa.yml"): Surface[] {
  return [...statuses(state), ...deployments(state), ...checks(state, configPath), ...comments(state)];
}

/**
 * What of GitHub can still change: commits whose status is pending and Deployments that are active. Whatever has come to its end
 * is written once, with the record it ended in, and spoken of no more.
 */
export function outstanding(state: TargetState): Pick<TargetState, "open" | "shown"> {
  const pending = new Set(statuses(state).flatMap(({ sha, body }) => (body.state === "pending" ? [sha] : [])));
  const active = new Set([state.live?.rev, state.rollout?.rev]);
  return { open: state.open.filter((sha) => pending.has(sha)), shown: state.shown.filter((rev) => active.has(rev)) };
}
