import type { DeploymentStatusBody } from "./github.ts";
import { type Revision, type Sha, short, targetId } from "./names.ts";
import type { TargetState } from "./state.ts";
import type { Surface } from "./words.ts";

/** One Deployment on GitHub per revision. A status of it is an event to its readers: posted once per transition, in fixed words. */
export function deployments(state: TargetState): Surface[] {
  const { target } = state;
  const environment = target.kind === "preview" ? "preview" : target.environment;
  const failed = state.failed === null ? [] : [state.failed.rev];
  return [...new Set([...state.shown, ...failed])].map((rev) => {
    const sha = shaOf(state, rev);
    const [verdict, description] = statusOf(state, rev, sha);
    const isRollback = state.rollout?.rev === rev && state.rollout.kind === "rollback";
    return {
      kind: "deployment",
      key: `deployment/${targetId(target)}/${rev}`,
      body: {
        sha,
        environment,
        transient: target.kind === "preview",
        production: environment === "production",
        task: isRollback ? "rollback" : "deploy",
        description: target.kind === "preview" ? `Preview of #${target.number}` : `${environment} of ${state.repo}`,
        key: `${targetId(target)}@${rev}`,
      },
      status: {
        state: verdict,
        description,
        environmentUrl: verdict === "success" ? state.url : null,
        logUrl: null,
      },
    };
  });
}

function statusOf(state: TargetState, rev: Revision, sha: Sha): [DeploymentStatusBody["state"], string] {
  if (state.live?.rev === rev) return ["success", `${short(sha)} is live`];
  if (state.rollout?.rev === rev) {
    return ["in_progress", `${state.rollout.kind === "rollback" ? "Rolling back to" : "Rolling out"} ${short(sha)}`];
  }
  if (state.failed?.rev === rev) return ["failure", state.failed.because];
  return ["inactive", "Replaced, or taken down"];
}

/** The commit of a Deployment on GitHub. Only creating one needs it, and a Deployment is created while its revision is known. */
function shaOf(state: TargetState, rev: Revision): Sha {
  if (state.rollout?.rev === rev) return state.rollout.sha;
  if (state.live?.rev === rev) return state.live.sha;
  if (state.failed?.rev === rev) return state.failed.sha;
  return state.wanted?.sha ?? state.live?.sha ?? ("0".repeat(40) as Sha);
}
