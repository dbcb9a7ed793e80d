import type { CheckRunBody, DeploymentBody, DeploymentStatusBody, StatusBody } from "./github.ts";
import { short, type RepoId, type Revision, type Sha, statusContext, targetId } from "./names.ts";
import type { CommandAnswer, TargetState } from "./state.ts";

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
      readonly text: string;
    }
  | { readonly kind: "reaction"; readonly key: string; readonly commentId: number; readonly accepted: boolean };

/**
 * What GitHub should show for a target: a pure function of its record, so the same record always says the same and a lost
 * write can be made again. What did not change since last time is filtered by the caller (`TargetState.told`).
 */
export function surfaces(state: TargetState, configPath = ".proa.yml"): Surface[] {
  return [...statuses(state), ...deployments(state), ...check(state, configPath), ...comments(state)];
}

function statuses(state: TargetState): Surface[] {
  const out: Surface[] = [];
  const wanted = state.wanted?.sha ?? null;
  const push = (sha: Sha, verdict: StatusBody["state"], description: string) =>
    out.push({
      kind: "status",
      key: `status/${repoIdOf(state)}/${sha}/${statusContext(state.target)}`,
      sha,
      body: {
        context: statusContext(state.target),
        state: verdict,
        description,
        targetUrl: verdict === "success" ? state.url : null,
      },
    });

  if (wanted !== null) {
    const [verdict, description] = statusOf(state, wanted);
    push(wanted, verdict, description);
  }
  for (const sha of state.open) {
    if (sha === wanted) continue;
    const [verdict, description] = closed(state, sha);
    push(sha, verdict, description);
  }
  return out;
}

/** The wanted commit's own state. Nothing but a healthy rollout of it is ever a success. */
function statusOf(state: TargetState, wanted: Sha): [StatusBody["state"], string] {
  const isLive = state.live?.sha === wanted && state.rollout === null;
  const serving = state.live !== null && state.live.sha !== wanted ? ` ${short(state.live.sha)} still serves.` : "";
  switch (state.phase) {
    case "live":
      return isLive
        ? ["success", state.url === null ? "Live" : `Live at ${host(state.url)}`]
        : ["pending", state.because];
    case "failed":
      return ["failure", state.because];
    case "blocked":
      return ["failure", `${sentence(state.because)}${serving}`];
    case "idle":
    case "removing":
      return ["error", `No preview: ${state.because}`];
    case "waiting":
      return ["pending", `${sentence(state.because)}${serving}`];
    case "rolling":
    case "baking":
      return ["pending", rollingText(state)];
  }
}

/** Fixed words while a rollout runs: every change of a text is a write on GitHub, and pods come and go by the second. */
function rollingText(state: TargetState): string {
  const { rollout, wanted } = state;
  if (rollout?.kind === "rollback") return `Rolling back to ${short(rollout.sha)}`;
  return `Rolling out ${short(rollout?.sha ?? wanted?.sha ?? "")}`;
}

/** What a person reads as the reason now. */
const reason = (state: TargetState): string =>
  sentence(state.phase === "rolling" || state.phase === "baking" ? rollingText(state) : state.because);

/** A commit that is wanted no more, and was never said to be done. */
function closed(state: TargetState, sha: Sha): [StatusBody["state"], string] {
  if (state.live?.sha === sha) return ["success", "Was live"];
  if (state.failed?.sha === sha) return ["failure", state.failed.because];
  const newer = state.wanted?.sha;
  if (state.target.kind === "preview") {
    return ["error", newer ? `Superseded by ${short(newer)} before it was live` : `Not deployed: ${state.because}`];
  }
  // An environment's candidates are first-parent ancestors of what is deployed: its release contains them.
  if (state.live !== null && newer === state.live.sha) return ["success", `Deployed as part of ${short(newer)}`];
  return ["pending", newer ? `Will be part of ${short(newer)}` : state.because];
}

function deployments(state: TargetState): Surface[] {
  const environment = state.target.kind === "preview" ? "preview" : state.target.environment;
  const failed = state.failed === null ? [] : [state.failed.rev];
  return [...new Set([...state.shown, ...failed])].map((rev) => {
    const sha = shaOf(state, rev);
    const isLive = state.live?.rev === rev;
    const [verdict, description]: [DeploymentStatusBody["state"], string] = isLive
      ? ["success", `${short(sha)} is live`]
      : state.rollout?.rev === rev
        ? ["in_progress", state.because]
        : state.failed?.rev === rev
          ? ["failure", state.failed.because]
          : ["inactive", "Replaced, or taken down"];
    return {
      kind: "deployment",
      key: `deployment/${targetId(state.target)}/${rev}`,
      body: {
        sha,
        environment,
        transient: state.target.kind === "preview",
        production: environment === "production",
        task: state.rollout?.rev === rev && state.rollout.kind === "rollback" ? "rollback" : "deploy",
        description:
          state.target.kind === "preview" ? `Preview of #${state.target.number}` : `${environment} of ${state.repo}`,
        key: `${targetId(state.target)}@${rev}`,
      },
      // Descriptions of a running rollout stay fixed: a Deployment status is an event to its readers, posted once per transition.
      status: {
        state: verdict,
        description: verdict === "in_progress" ? `Rolling out ${short(sha)}` : description,
        environmentUrl: verdict === "success" ? state.url : null,
        logUrl: null,
      },
    };
  });
}

/** The commit of a Deployment on GitHub. Only creating one needs it, and a Deployment is created while its revision is known. */
function shaOf(state: TargetState, rev: Revision): Sha {
  if (state.rollout?.rev === rev) return state.rollout.sha;
  if (state.live?.rev === rev) return state.live.sha;
  if (state.failed?.rev === rev) return state.failed.sha;
  return state.wanted?.sha ?? state.live?.sha ?? ("0".repeat(40) as Sha);
}

/** The check run comes at the end, with the diagnosis; or when a person has to act, with the buttons to do it. */
function check(state: TargetState, configPath: string): Surface[] {
  const sha = state.report?.sha ?? state.awaiting?.sha ?? state.wanted?.sha ?? null;
  const outcome = sha === null ? null : checkOutcome(state);
  if (sha === null || outcome === null) return [];
  const { conclusion, title, text, actions } = outcome;
  const rows = state.live === null ? [] : [`**Serving** ${short(state.live.sha)} ${digestList(state.live.digests)}`];
  return [
    {
      kind: "check",
      key: `check/${targetId(state.target)}/${sha}`,
      sha,
      body: {
        name: `${statusContext(state.target)} report`,
        externalId: `${targetId(state.target)}@${state.rev}`,
        status: "completed",
        conclusion,
        detailsUrl: state.url,
        title,
        summary: [state.because, ...rows, ...state.notes].join("\n\n"),
        text,
        annotations: state.problems.map((problem) => ({ ...problem, path: configPath })),
        actions,
      },
    },
  ];
}

type Button = CheckRunBody["actions"][number];
const BUTTON = {
  retry: { label: "Retry", description: "Deploy this commit again", identifier: "retry" },
  rollback: { label: "Roll back", description: "Put the release before this one back", identifier: "rollback" },
  release: { label: "Release hold", description: "Let this commit be deployed again", identifier: "release-hold" },
  approve: { label: "Approve", description: "Deploy exactly these digests", identifier: "approve" },
} as const satisfies Record<string, Button>;

function checkOutcome(
  state: TargetState,
): (Pick<CheckRunBody, "conclusion" | "title" | "text"> & { actions: readonly Button[] }) | null {
  const preview = state.target.kind === "preview";
  const name = statusContext(state.target);
  switch (state.phase) {
    case "live":
      return {
        conclusion: "success",
        title: `${name}: live${state.url ? ` at ${host(state.url)}` : ""}`,
        text: state.live ? digestTable(state.live.digests) : "",
        actions: preview ? [] : state.previous ? [BUTTON.rollback] : [],
      };
    case "failed":
      return {
        conclusion: "failure",
        title: state.report?.title ?? state.because,
        text: state.report?.text ?? "",
        actions: preview ? [BUTTON.retry] : [BUTTON.release, BUTTON.retry],
      };
    case "blocked":
      return {
        conclusion: state.problems.length > 0 ? "failure" : "neutral",
        title: state.because,
        text: problemList(state),
        actions: [],
      };
    case "waiting":
      if (state.awaiting === null) return null;
      return {
        conclusion: "action_required",
        title: state.because,
        text: `Approving binds to \`${state.awaiting.key}\`.`,
        actions: [BUTTON.approve],
      };
    case "idle":
    case "rolling":
    case "baking":
    case "removing":
      return null;
  }
}

function comments(state: TargetState): Surface[] {
  const out: Surface[] = [];
  const comment = (number: number, part: string, text: string) =>
    out.push({ kind: "comment", key: `comment/${repoIdOf(state)}/${number}/${part}`, number, part, text });
  if (state.target.kind === "preview") {
    const text = previewComment(state);
    if (text !== null) comment(state.target.number, "1-preview", text);
  } else {
    for (const number of state.pulls) comment(number, `2-${state.target.environment}`, environmentComment(state));
  }
  for (const { comment: asked, accepted, verb, by, answer } of state.answers) {
    if (asked === null) continue;
    out.push({ kind: "reaction", key: `reaction/${asked.commentId}`, commentId: asked.commentId, accepted });
    if (state.target.kind === "env" && !state.pulls.includes(asked.number)) {
      comment(asked.number, `3-${state.target.environment}`, `- \`/${verb}\` by @${by}: ${answer}`);
    }
  }
  return out;
}

function previewComment(state: TargetState): string | null {
  // Never deployed and never spoken of: a pull request that gets no preview gets no comment either.
  const silent =
    state.told[`comment/${repoIdOf(state)}/${state.target.kind === "preview" ? state.target.number : 0}/1-preview`] ===
    undefined;
  if (state.phase === "idle" && state.rev === 0 && state.answers.length === 0 && silent) return null;
  const sha = state.wanted?.sha ?? null;
  const heading = {
    idle: state.rev === 0 ? "No preview" : "Preview removed",
    waiting: "Preview is waiting",
    blocked: "No new preview",
    rolling: "Preview is rolling out",
    baking: "Preview is rolling out",
    live: "Preview is ready",
    failed: "Preview failed",
    removing: "Preview is being removed",
  }[state.phase];
  const lines = [`### ${heading}${state.phase === "live" && state.url ? `: ${state.url}` : ""}`, ""];
  if (sha !== null) lines.push(`**Commit** ${short(sha)} · ${reason(state)}`);
  else lines.push(reason(state));
  if (state.live !== null && state.live.sha !== sha)
    lines.push("", `**Still serving** ${short(state.live.sha)}${state.url ? ` at ${state.url}` : ""}`);
  if (state.phase === "failed" && state.report)
    lines.push("", `<details><summary>${state.report.title}</summary>\n\n${state.report.text}\n\n</details>`);
  if (state.problems.length > 0) lines.push("", problemList(state));
  if (state.phase === "live" && state.live)
    lines.push("", `<details><summary>Digests</summary>\n\n${digestTable(state.live.digests)}\n\n</details>`);
  for (const note of state.notes) lines.push("", `> ${note}`);
  return [...lines, ...answerLines(state.answers)].join("\n");
}

function environmentComment(state: TargetState): string {
  const name = state.target.kind === "env" ? state.target.environment : "preview";
  const mark = {
    live: "live",
    failed: "failed",
    blocked: "blocked",
    idle: "idle",
    waiting: "waiting",
    rolling: "rolling out",
    baking: "healthy, still watched",
    removing: "removing",
  }[state.phase];
  const url = state.phase === "live" && state.url ? ` · ${state.url}` : "";
  return [`**${name}**: ${mark} · ${reason(state)}${url}`, ...answerLines(state.answers)].join("\n");
}

const answerLines = (answers: readonly CommandAnswer[]): string[] =>
  answers.length === 0
    ? []
    : [
        "",
        ...answers.map(
          ({ verb, by, accepted, answer }) => `- \`/${verb}\` by @${by}${accepted ? "" : " refused"}: ${answer}`,
        ),
      ];

const problemList = (state: TargetState): string =>
  state.problems.map(({ line, message, remedy }) => `- line ${line}: ${message}. ${sentence(remedy)}`).join("\n");

const digestTable = (digests: Readonly<Record<string, string>>): string =>
  [
    "| service | digest |",
    "|---|---|",
    ...Object.entries(digests).map(([name, digest]) => `| ${name} | \`${digest}\` |`),
  ].join("\n");

const digestList = (digests: Readonly<Record<string, string>>): string =>
  Object.entries(digests)
    .map(([name, digest]) => `\`${name}@${digest.slice(0, 19)}…\``)
    .join(", ");

const repoIdOf = (state: TargetState): RepoId => state.target.repoId;
const host = (url: string): string => url.replace(/^https?:\/\//, "");
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
