import type { StatusBody } from "./github.ts";
import { type Sha, short, statusContext } from "./names.ts";
import { failedText, type TargetState } from "./state.ts";
import type { Surface } from "./words.ts";

type Said = readonly [StatusBody["state"], string];

/** One status on the wanted commit, and one on each earlier commit that was left pending. */
export function statuses(state: TargetState): Extract<Surface, { kind: "status" }>[] {
  const wanted = state.wanted?.sha ?? null;
  const said: [Sha, Said][] = wanted === null ? [] : [[wanted, statusOf(state, wanted)]];
  for (const sha of state.open) if (sha !== wanted) said.push([sha, passedBy(state, sha)]);
  const context = statusContext(state.target);
  return said.map(([sha, [verdict, description]]) => ({
    kind: "status",
    key: `status/${state.target.repoId}/${sha}/${context}`,
    sha,
    body: { context, state: verdict, description, targetUrl: verdict === "success" ? state.url : null },
  }));
}

/** The wanted commit's own state. Nothing but a healthy rollout of it is ever a success. */
function statusOf(state: TargetState, wanted: Sha): Said {
  // What is live stays live, whatever else is wrong: a config that broke later is another commit's fault.
  if (state.live?.sha === wanted && state.rollout === null && state.failed?.sha !== wanted)
    return ["success", liveText(state)];
  switch (state.phase) {
    case "failed":
      return state.failed?.sha === wanted
        ? ["failure", state.because]
        : ["pending", `Not deployed yet.${meanwhile(state)}`];
    case "blocked":
      return ["failure", `${sentence(state.because)}${meanwhile(state)}`];
    case "idle":
    case "removing":
      // It was live, and a check that may be required does not turn red because nobody looked at the preview any more.
      if (state.expired === wanted) return ["success", `Was live; ${state.because}`];
      return ["error", `${state.target.kind === "preview" ? "No preview" : "Not deployed"}: ${state.because}`];
    case "live":
    case "waiting":
      return ["pending", `${sentence(state.because)}${meanwhile(state)}`];
    case "rolling":
    case "baking":
      return ["pending", rollingText(state)];
  }
}

/** A commit that is wanted no more, and was never said to be done. */
function passedBy(state: TargetState, sha: Sha): Said {
  const { live, failed, rollout, open } = state;
  const newer = state.wanted?.sha;
  if (rollout?.sha === sha && rollout.kind === "deploy") return ["pending", rollingText(state)];
  if (live?.sha === sha) return ["success", liveText(state)];
  if (failed?.sha === sha) return ["failure", failedText(failed)];
  if (state.target.kind === "preview") {
    return ["error", newer ? `Superseded by ${short(newer)} before it was live` : `No preview: ${state.because}`];
  }
  // An environment's candidates are first-parent ancestors of one another, in the order they came: a later release contains them.
  const contained = live !== null && (newer === live.sha || open.indexOf(live.sha) > open.indexOf(sha));
  if (contained) return ["success", `Deployed as part of ${short(live.sha)}`];
  // Fixed words: each of these commits would be written again with every push.
  return ["pending", "Goes out with a newer commit"];
}

/** Fixed words while a rollout runs: every change of a text is a write on GitHub, and pods come and go by the second. */
export function rollingText({ rollout, failed, because, wanted }: TargetState): string {
  // Between a failure and the rollback's revision; the same words as during the rollback.
  if (rollout === null) return failed === null ? `Rolling out ${short(wanted?.sha ?? "")}` : sentence(because);
  if (rollout.kind === "deploy") return `Rolling out ${short(rollout.sha)}`;
  return `${failed === null ? "" : `${failed.because} `}Rolling back to ${short(rollout.sha)}.`;
}

export const liveText = ({ url }: TargetState): string => (url === null ? "Live" : `Live at ${host(url)}`);

/** What serves, or is about to, while the wanted commit does not. */
function meanwhile({ live, rollout, wanted }: TargetState): string {
  if (rollout !== null && rollout.sha !== wanted?.sha) return ` Meanwhile ${short(rollout.sha)} rolls out.`;
  return live !== null && live.sha !== wanted?.sha ? ` ${short(live.sha)} still serves.` : "";
}

export const host = (url: string): string => url.replace(/^https?:\/\//, "");
export const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
