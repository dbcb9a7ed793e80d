import {
  aList,
  anId,
  aPullNumber,
  aRepoId,
  aRepoName,
  aSha,
  field,
  type Kind,
  Malformed,
  read,
} from "./event-payload.ts";
import { aBranch, aLogin, aShortText } from "./event-texts.ts";
import { isRepository, isTag } from "./image.ts";
import type { Command, InstallationMessage, Message } from "./message.ts";
import { parseRepoId, type Target } from "./names.ts";
import { isEnvironmentName } from "./target-names.ts";

/**
 * A message off our own queue. While Proa is upgraded or rolled back, messages of a later format lie in it: a hint that still names
 * what this format's does is followed, since a hint decides nothing. What decides something (a command, a change of the installation)
 * is never guessed at: that throws, as anything unreadable does, and the queue keeps it until the later version is back or a person looks.
 * Who can write to the queue can order what a webhook could, and with this no more.
 * @throws Error naming what is wrong with it
 */
export function parseMessage(body: unknown): Message {
  if (typeof body !== "object" || body === null) throw new Error("the message is not an object");
  const [v, kind] = [field(body, "v"), field(body, "kind")];
  if (!isKind(kind)) throw new Error(`the message is of no known kind: ${shown(kind)}`);
  if (v !== FORMAT && !(isLater(v) && HINTS.has(kind)))
    throw new Error(`the ${kind} message is of format ${shown(v)}, this is format ${FORMAT}`);
  try {
    FIELDS[kind](body);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Error(`the ${kind} message cannot be read: ${error.message}`, { cause: error });
  }
  return (v === FORMAT ? body : { ...body, v: FORMAT }) as Message;
}

const FORMAT = 1;
const HINTS: ReadonlySet<Message["kind"]> = new Set(["look", "commit", "branch", "image", "tick"]);
const isLater = (v: unknown): boolean => typeof v === "number" && Number.isInteger(v) && v > FORMAT;

/** Of the reporter's queue: the installation whose outbox is due. */
export function parseReport(body: unknown): number {
  return read(body, "installation", anId);
}

export const isTarget = (value: unknown): value is Target => aTarget.parse(value) !== null;

const shown = (value: unknown): string =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined")).slice(0, 40);

const isKind = (kind: unknown): kind is Message["kind"] => typeof kind === "string" && Object.hasOwn(FIELDS, kind);

const aTarget: Kind<Target> = {
  wanted: "a target",
  parse: (value) => {
    if (parseRepoId(field(value, "repoId")) === null) return null;
    const environment = field(value, "environment");
    const known =
      field(value, "kind") === "preview"
        ? aPullNumber.parse(field(value, "number")) !== null
        : field(value, "kind") === "env" && typeof environment === "string" && isEnvironmentName(environment);
    return known ? (value as Target) : null;
  },
};

const oneOf = <T extends string>(...words: readonly T[]): Kind<T> => ({
  wanted: words.join(", "),
  parse: (value) => words.find((word) => word === value) ?? null,
});
const textThat = (wanted: string, holds: (text: string) => boolean): Kind<string> => ({
  wanted,
  parse: (value) => (typeof value === "string" && holds(value) ? value : null),
});
const aMoment: Kind<number> = {
  wanted: "a time in milliseconds",
  parse: (value) => (typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null),
};
const aVerb = oneOf<Command["verb"]>("approve", "rollback", "release-hold", "deploy");
const aChange = oneOf<InstallationMessage["change"]>("suspended", "active", "deleted");

type Read = (body: unknown) => void;

const arrived: Read = (body) => {
  read(body, "delivery", aShortText);
  read(body, "receivedAt", aMoment);
  read(body, "because", aShortText);
};

const fromGitHub: Read = (body) => {
  arrived(body);
  read(body, "installation", anId);
  read(body, "repo", aRepoName);
};

/** What each kind has to hold: a message is acted on as it stands, so nothing in it may be of another type than it says. */
const FIELDS: Readonly<Record<Message["kind"], Read>> = {
  look: (body) => {
    fromGitHub(body);
    read(body, "target", aTarget);
    if (field(body, "sha") !== null) read(body, "sha", aSha);
  },
  commit: (body) => {
    fromGitHub(body);
    read(body, "repoId", aRepoId);
    read(body, "sha", aSha);
  },
  branch: (body) => {
    fromGitHub(body);
    read(body, "repoId", aRepoId);
    read(body, "branch", aBranch);
    read(body, "sha", aSha);
  },
  image: (body) => {
    arrived(body);
    read(body, "repository", textThat("an image's repository", isRepository));
    read(body, "tag", textThat("an image's tag", isTag));
  },
  command: (body) => {
    fromGitHub(body);
    const repoId = read(body, "repoId", aRepoId);
    // Whoever ordered it is asked for their permission on the message's own repository.
    if (field(body, "target") !== null && read(body, "target", aTarget).repoId !== repoId)
      throw new Malformed("target is another repository's");
    read(body, "command.verb", aVerb);
    if (field(body, "command.environment") !== null) read(body, "command.environment", aShortText);
    read(body, "command.actor.login", aLogin);
    read(body, "command.actor.id", anId);
    read(body, "command.at", aMoment);
    SOURCES[read(body, "command.source.kind", oneOf("comment", "button"))](body);
  },
  tick: (body) => {
    read(body, "target", aTarget);
    read(body, "n", anId);
  },
  installation: (body) => {
    arrived(body);
    read(body, "installation", anId);
    read(body, "change", aChange);
    read(body, "repositories", aList).forEach((_, index) => {
      read(body, `repositories.${index}.id`, aRepoId);
      read(body, `repositories.${index}.name`, aRepoName);
      read(body, `repositories.${index}.change`, oneOf("added", "removed"));
    });
  },
};

const SOURCES: Readonly<Record<Command["source"]["kind"], Read>> = {
  comment: (body) => {
    read(body, "command.source.number", aPullNumber);
    read(body, "command.source.commentId", anId);
  },
  button: (body) => {
    read(body, "command.source.sha", aSha);
    read(body, "command.source.checkRunId", anId);
    read(body, "command.source.externalId", aShortText);
  },
};
