import type { CheckRunBody } from "./github.ts";
import { type Sha, short, statusContext, targetId } from "./names.ts";
import { failedText, type TargetState } from "./state.ts";
import type { Surface } from "./words.ts";
import { host, sentence } from "./words-status.ts";

/** The check run comes at the end, with the diagnosis; or when a person has to act, with the buttons to do it. */
export function checks(state: TargetState, configPath: string): Surface[] {
  const outcome = outcomeOf(state);
  const out = outcome === null ? [] : [surface(state, configPath, outcome)];
  // An approval that is asked for no more: its button must not stay.
  for (const sha of state.open) {
    if (sha === outcome?.sha || state.told[keyOf(state, sha)] === undefined) continue;
    out.push(surface(state, configPath, superseded(state, sha)));
  }
  return out;
}

type Button = CheckRunBody["actions"][number];
const BUTTON = {
  retry: { label: "Retry", description: "Deploy this commit again", identifier: "retry" },
  rollback: { label: "Roll back", description: "Put the release before this one back", identifier: "rollback" },
  release: { label: "Release hold", description: "Let this commit be deployed again", identifier: "release-hold" },
  approve: { label: "Approve", description: "Deploy exactly these digests", identifier: "approve" },
} as const satisfies Record<string, Button>;

interface Outcome {
  readonly sha: Sha;
  readonly conclusion: CheckRunBody["conclusion"];
  readonly title: string;
  readonly summary: string;
  readonly text: string;
  readonly actions: readonly Button[];
}

/** Only ever about the commit it stands on. */
function outcomeOf(state: TargetState): Outcome | null {
  const { live, failed, awaiting, wanted, report } = state;
  const preview = state.target.kind === "preview";
  const name = statusContext(state.target);
  switch (state.phase) {
    case "live":
      if (live === null || live.sha !== wanted?.sha) return null;
      return {
        sha: live.sha,
        conclusion: "success",
        title: `${name}: live${state.url ? ` at ${host(state.url)}` : ""}`,
        summary: sentence(live.because),
        text: digestTable(live.digests),
        actions: !preview && state.previous ? [BUTTON.rollback] : [],
      };
    case "failed":
      if (failed === null) return null;
      return {
        sha: failed.sha,
        conclusion: "failure",
        title: report?.sha === failed.sha ? report.title : failed.because,
        summary: `${failedText(failed)}${preview ? "" : " A newer commit moves on by itself."}`,
        text: report?.sha === failed.sha ? report.text : "",
        actions: preview ? [BUTTON.retry] : [BUTTON.release, BUTTON.retry],
      };
    case "blocked":
      if (wanted === null) return null;
      return {
        sha: wanted.sha,
        conclusion: state.problems.length > 0 ? "failure" : "neutral",
        title: state.because,
        summary: sentence(state.because),
        text: problemList(state),
        actions: [],
      };
    case "waiting":
      if (awaiting === null || awaiting.sha !== wanted?.sha) return null;
      return {
        sha: awaiting.sha,
        conclusion: "action_required",
        title: state.because,
        summary: `${sentence(state.because)} An approval is for exactly these images, and for no later ones.`,
        text: digestTable(digestsOf(awaiting.key)),
        actions: [BUTTON.approve],
      };
    case "idle":
    case "rolling":
    case "baking":
    case "removing":
      return null;
  }
}

function superseded(state: TargetState, sha: Sha): Outcome {
  const by = state.wanted === null ? "" : ` by ${short(state.wanted.sha)}`;
  const summary = `${short(sha)} needs no approval any more: it goes out with a newer commit.`;
  return {
    sha,
    conclusion: "neutral",
    title: `${statusContext(state.target)}: superseded${by}`,
    summary,
    text: "",
    actions: [],
  };
}

function surface(state: TargetState, configPath: string, outcome: Outcome): Surface {
  const { sha, conclusion, title, summary, text, actions } = outcome;
  const serves = state.live === null ? [] : [`**Serving** ${short(state.live.sha)}`];
  return {
    kind: "check",
    key: keyOf(state, sha),
    sha,
    body: {
      name: `${statusContext(state.target)} report`,
      externalId: `${targetId(state.target)}@${state.rev}`,
      status: "completed",
      conclusion,
      detailsUrl: state.url,
      title,
      summary: [summary, ...serves, ...state.notes].join("\n\n"),
      text,
      annotations: sha === state.wanted?.sha ? state.problems.map((problem) => ({ ...problem, path: configPath })) : [],
      actions,
    },
  };
}

const keyOf = (state: TargetState, sha: Sha): string => `check/${targetId(state.target)}/${sha}`;

export const problemList = (state: TargetState): string =>
  state.problems.map(({ line, message, remedy }) => `- line ${line}: ${message}. ${sentence(remedy)}`).join("\n");

export const digestTable = (digests: Readonly<Record<string, string>>): string =>
  [
    "| service | digest |",
    "|---|---|",
    ...Object.entries(digests).map(([name, digest]) => `| ${name} | \`${digest}\` |`),
  ].join("\n");

/** `releaseKey` read backwards. */
const digestsOf = (key: string): Record<string, string> =>
  Object.fromEntries(
    key.split(" ").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
