import { short } from "./names.ts";
import { type CommandAnswer, failedText, type TargetState } from "./state.ts";
import type { Surface } from "./words.ts";
import { digestTable, problemList } from "./words-check.ts";
import { rollingText, sentence } from "./words-status.ts";

/** This target's part of each pull request's comment, and a reaction to every command that was commented. */
export function comments(state: TargetState): Surface[] {
  const { target, answers } = state;
  const out: Surface[] = [];
  const say = (number: number, part: string, text: string, order = 0): unknown =>
    out.push({ kind: "comment", key: keyOf(state, number, part), number, part, order, text });

  if (target.kind === "preview") {
    const text = previewComment(state, target.number);
    if (text !== null) say(target.number, "1-preview", text);
  } else {
    for (const number of state.pulls)
      say(number, `2-${target.environment}`, environmentComment(state, number), 1 + state.depth);
    const elsewhere = new Set(answers.flatMap(({ comment }) => (comment === null ? [] : [comment.number])));
    for (const number of state.pulls) elsewhere.delete(number);
    for (const number of elsewhere)
      say(number, `3-${target.environment}`, answerLines(askedOn(answers, number)).join("\n"), LAST);
  }
  for (const { comment, accepted } of answers) {
    if (comment === null) continue;
    out.push({ kind: "reaction", key: `reaction/${comment.commentId}`, commentId: comment.commentId, accepted });
  }
  return out;
}

/** Answers that belong to no part stand at the end. */
const LAST = 100;

const keyOf = ({ target }: TargetState, number: number, part: string): string =>
  `comment/${target.repoId}/${number}/${part}`;

function previewComment(state: TargetState, number: number): string | null {
  const { phase, live, failed, report, url } = state;
  // Never deployed and never spoken of: a pull request that gets no preview gets no comment either.
  const silent = state.told[keyOf(state, number, "1-preview")] === undefined;
  if (phase === "idle" && state.rev === 0 && state.answers.length === 0 && silent) return null;
  const sha = state.wanted?.sha ?? null;
  const heading = {
    idle: state.rev === 0 ? "No preview" : "Preview removed",
    waiting: "Preview is waiting",
    blocked: live === null ? "No preview" : "No new preview",
    rolling: "Preview is rolling out",
    baking: "Preview is rolling out",
    live: "Preview is ready",
    failed: "Preview failed",
    removing: "Preview is being removed",
  }[phase];
  const lines = [`### ${heading}${phase === "live" && url ? `: ${url}` : ""}`, ""];
  lines.push(
    sha === null ? capital(reason(state)) : `**Commit** ${short(sha)}${phase === "live" ? "" : ` · ${reason(state)}`}`,
  );
  if (live !== null && live.sha !== sha)
    lines.push("", `**Still serving** ${short(live.sha)}${url ? ` at ${url}` : ""}`);
  if (phase === "failed" && report !== null && report.sha === failed?.sha)
    lines.push("", folded("What happened", report.text));
  if (state.problems.length > 0) lines.push("", problemList(state));
  if (phase === "live" && live !== null) lines.push("", folded("Digests", digestTable(live.digests)));
  for (const note of state.notes) lines.push("", `> ${note}`);
  if (state.answers.length > 0) lines.push("", ...answerLines(state.answers));
  return lines.join("\n");
}

/** What a person reads as the reason now; what serves instead has a line of its own. */
function reason(state: TargetState): string {
  if (state.phase === "rolling" || state.phase === "baking") return sentence(rollingText(state));
  return sentence(state.phase === "failed" && state.failed !== null ? state.failed.because : state.because);
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const folded = (title: string, text: string): string => `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;

/**
 * How the environment's newest rollout went, for the pull requests that are in it. A later commit that waits for its checks is
 * none of their business, so it is not spoken of here.
 */
function environmentComment(state: TargetState, number: number): string {
  const name = state.target.kind === "env" ? state.target.environment : "";
  const lines = [`**${name}**: ${standing(state)}`];
  const answers = state.answers.filter(({ comment }) => comment === null || comment.number === number);
  if (answers.length > 0) lines.push("", ...answerLines(answers));
  return lines.join("\n");
}

function standing(state: TargetState): string {
  const { rollout, failed, live, awaiting, url } = state;
  if (rollout !== null || state.phase === "rolling") return sentence(rollingText(state));
  if (failed !== null) return `failed · ${failedText(failed)}`;
  if (state.phase === "waiting" && awaiting !== null) return sentence(state.because);
  return live === null ? sentence(state.because) : `${sentence(live.because)}${url === null ? "" : ` ${url}`}`;
}

const askedOn = (answers: readonly CommandAnswer[], number: number): CommandAnswer[] =>
  answers.filter(({ comment }) => comment?.number === number);

const answerLines = (answers: readonly CommandAnswer[]): string[] =>
  answers.map(({ verb, by, accepted, answer }) => `- \`/${verb}\` by @${by}${accepted ? "" : " refused"}: ${answer}`);
