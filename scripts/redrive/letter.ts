import { parseMessage, parseReport } from "../../src/core/message-parse.ts";
import { targetId } from "../../src/core/names.ts";
import type { Message } from "../../src/core/message.ts";

/** A message that failed too often, as it lies in a dead-letter queue. */
export interface Letter {
  readonly id: string;
  readonly body: string;
  /** null: the queue has no groups. */
  readonly group: string | null;
  readonly sentAt: number;
  readonly receives: number;
}

/** What it is about, for a person: `look at preview/77/12 (pull_request.synchronize)`. */
export function subject({ body }: Pick<Letter, "body">): string {
  const value = parsed(body);
  try {
    return ofMessage(parseMessage(value));
  } catch (error) {
    return (
      ofReport(value) ??
      ofImagePush(value) ??
      `unreadable here (${error instanceof Error ? error.message : String(error)})`
    );
  }
}

function ofMessage(message: Message): string {
  switch (message.kind) {
    case "look":
      return `look at ${targetId(message.target)} (${message.because})`;
    case "tick":
      return `wake ${targetId(message.target)}, number ${message.n}`;
    case "commit":
      return `commit ${message.sha.slice(0, 7)} of ${message.repo} (${message.because})`;
    case "branch":
      return `branch ${message.branch} of ${message.repo} at ${message.sha.slice(0, 7)}`;
    case "image":
      return `image ${message.repository}:${message.tag}`;
    case "command": {
      const { verb, environment, actor } = message.command;
      const where = message.target === null ? message.repo : targetId(message.target);
      return `command ${verb}${environment === null ? "" : ` ${environment}`} by ${actor.login} for ${where}`;
    }
    case "installation":
      return `installation ${message.installation} is ${message.change}`;
  }
}

function ofReport(value: unknown): string | null {
  try {
    return `reports of installation ${parseReport(value)}`;
  } catch {
    return null;
  }
}

function ofImagePush(value: unknown): string | null {
  const { source, detail } = (value ?? {}) as { source?: unknown; detail?: Record<string, unknown> };
  if (source !== "aws.ecr" || detail === undefined) return null;
  return `image push ${String(detail["repository-name"])}:${String(detail["image-tag"])}`;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return null;
  }
}

/** The shortest text that a person can name a letter by, and no other of these. */
export const shortId = ({ id }: Pick<Letter, "id">): string => id.slice(0, 8);

export interface Listed {
  readonly letter: Letter;
  /** What the function logged about it last; null: nothing that could be found. */
  readonly why: string | null;
}

export function listing(queue: string, letters: readonly Listed[], now: number): string {
  const title = `${letters.length} dead ${letters.length === 1 ? "letter" : "letters"} in ${queue}`;
  const rows = letters.map(({ letter, why }) => {
    const received = `received ${letter.receives} ${letter.receives === 1 ? "time" : "times"} by now`;
    const head = `  ${shortId(letter)}  ${subject(letter)}\n            ${age(now - letter.sentAt)} old, ${received}`;
    return why === null ? head : `${head}\n            ${why}`;
  });
  return [title, "", ...rows].join("\n");
}

export function age(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
