import { anAction, anId, aRepoId, aRepoName, field, Malformed, read } from "./event-payload.ts";
import type { LookMessage, Message } from "./message.ts";
import type { Millis, Sha, Target } from "./names.ts";

/** One delivery of a webhook whose signature has been verified. */
export interface Delivery {
  /** `X-GitHub-Event`. */
  readonly event: string;
  /** `X-GitHub-Delivery`. */
  readonly id: string;
  readonly payload: unknown;
  readonly ownAppId: number;
  readonly receivedAt: Millis;
}

export type Reading =
  | { readonly kind: "messages"; readonly messages: readonly Message[] }
  | { readonly kind: "ignored"; readonly because: string }
  | { readonly kind: "malformed"; readonly because: string };

export function look(delivery: Delivery, target: Target, sha: Sha | null): LookMessage {
  return { ...origin(delivery), kind: "look", target, sha };
}

export const previewOf = ({ payload }: Delivery, number: number): Target => ({
  kind: "preview",
  repoId: read(payload, "repository.id", aRepoId),
  number,
});

export function origin(delivery: Delivery) {
  return { ...arrival(delivery), repo: read(delivery.payload, "repository.full_name", aRepoName) };
}

export function arrival({ event, id, payload, receivedAt }: Delivery) {
  if (field(payload, "installation") === undefined)
    throw new Malformed(
      "installation is missing: only an App's webhook has it, a repository's own webhook cannot be used",
    );
  const action = field(payload, "action") === undefined ? "" : `.${read(payload, "action", anAction)}`;
  return {
    v: 1 as const,
    delivery: id,
    installation: read(payload, "installation.id", anId),
    receivedAt,
    because: event + action,
  };
}

export function commit(delivery: Delivery, sha: Sha): Reading {
  const repoId = read(delivery.payload, "repository.id", aRepoId);
  return messages({ ...origin(delivery), kind: "commit", repoId, sha });
}

export const messages = (...all: Message[]): Reading => ({ kind: "messages", messages: all });

export const ignored = (because: string): Reading => ({ kind: "ignored", because });
