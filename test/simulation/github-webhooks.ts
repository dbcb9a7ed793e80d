import type { PullRequest } from "../../src/core/github.ts";
import type { Millis, Sha } from "../../src/core/names.ts";
import type { Comment, GitHubOptions, Installation, Repo, Run, StatusRecord, Suite } from "./github-state.ts";
import { textHash } from "./kernel.ts";
import type { Sim } from "./sim.ts";

/** One attempt to send a webhook. A redelivery has a new `id` and the `guid` of the first attempt. */
export interface Delivery {
  readonly id: string;
  readonly guid: string;
  readonly event: string;
  readonly payload: Payload;
}

export type Payload = Readonly<Record<string, unknown>>;

/** What GitHub remembers of an attempt; `ok` null: it is under way. */
export interface Attempt extends Delivery {
  readonly startedAt: Millis;
  readonly ok: boolean | null;
}

export interface Webhooks {
  emit(repo: Repo, event: string, by: string, payload: Payload): void;
  /** About the installation itself: the only event of one that is suspended. */
  emitInstallation(installation: Installation, event: string, by: string, payload: Payload): void;
  /** How an attempt ended: whether an answer below 300 came in time. */
  answered(id: string, ok: boolean): void;
  /** Deliveries of which no attempt since then has succeeded, newest first. */
  failed(since: Millis): { id: string; guid: string; deliveredAt: Millis }[];
  /** False: GitHub does not know the delivery, or no more. */
  redeliver(id: string): boolean;
  /** In the order they were sent. */
  attempts(): readonly Attempt[];
}

/** github.com keeps deliveries for three days. */
const KEPT_MS = 3 * 24 * 3_600_000;

export function createWebhooks(
  sim: Sim,
  { deliver }: Pick<GitHubOptions, "deliver">,
  installationOf: (repo: Repo) => Installation | null,
): Webhooks {
  const attempts: Attempt[] = [];
  const positions = new Map<string, number>();
  let sent = 0;
  let guids = 0;

  function attempt(delivery: Omit<Delivery, "id">): void {
    const id = `${++sent}`;
    positions.set(id, attempts.length);
    const made: Attempt = {
      id,
      guid: delivery.guid,
      event: delivery.event,
      payload: delivery.payload,
      startedAt: sim.now(),
      ok: null,
    };
    attempts.push(made);
    deliver(made);
  }

  const fresh = (event: string, payload: Payload): void =>
    attempt({ guid: `00000000-0000-4000-8000-${(++guids).toString(16).padStart(12, "0")}`, event, payload });

  return {
    emit(repo, event, by, payload) {
      const installation = installationOf(repo);
      if (installation === null || installation.suspended) return;
      fresh(event, {
        ...payload,
        repository: { id: repo.id, full_name: repo.name },
        installation: { id: installation.id },
        sender: personJson(by),
      });
    },
    emitInstallation({ id, account }, event, by, payload) {
      fresh(event, { ...payload, installation: { id, account: { login: account } }, sender: personJson(by) });
    },
    answered(id, ok) {
      const position = positions.get(id);
      const known = position === undefined ? undefined : attempts[position];
      if (position === undefined || known === undefined) throw new Error(`there is no delivery ${id}`);
      attempts[position] = { ...known, ok };
    },
    failed(since) {
      const from = Math.max(since, sim.now() - KEPT_MS);
      const succeeded = new Set<string>();
      const newest = new Map<string, Attempt>();
      for (let at = attempts.length - 1; at >= 0; at--) {
        const each = attempts[at];
        if (each === undefined || each.startedAt < from) break;
        if (each.ok === true) succeeded.add(each.guid);
        if (each.ok === false && !newest.has(each.guid)) newest.set(each.guid, each);
      }
      return [...newest.values()]
        .filter(({ guid }) => !succeeded.has(guid))
        .map(({ id, guid, startedAt }) => ({ id, guid, deliveredAt: startedAt }));
    },
    redeliver(id) {
      const known = attempts[positions.get(id) ?? -1];
      if (known === undefined || known.startedAt < sim.now() - KEPT_MS) return false;
      attempt(known);
      return true;
    },
    attempts: () => attempts,
  };
}

/** Numbers by name, so that one person has one. */
const personJson = (login: string) => ({
  login,
  id: textHash(login) + 1,
  type: login.endsWith("[bot]") ? "Bot" : "User",
});

export const pullJson = ({ number, head, base, state, draft, merged }: PullRequest) => ({
  number,
  state,
  draft,
  merged,
  head: { sha: head.sha, ref: head.ref },
  base: { sha: base.sha, ref: base.ref, repo: { id: base.repoId } },
});

/** How check runs and suites name the pull requests whose head is their commit. Those from forks are left out, as on GitHub. */
function pullsAt(repo: Repo, sha: Sha): unknown[] {
  const named: unknown[] = [];
  for (const { number, state, head, base } of repo.pulls.values())
    if (state === "open" && head.sha === sha && head.repoId === repo.id)
      named.push({
        number,
        head: { sha, ref: head.ref },
        base: { sha: base.sha, ref: base.ref, repo: { id: repo.id } },
      });
  return named;
}

export const runJson = (repo: Repo, { view, sha, externalId, suite }: Run) => ({
  id: view.id,
  name: view.name,
  head_sha: sha,
  external_id: externalId,
  status: view.status,
  conclusion: view.conclusion,
  app: { id: suite.appId },
  pull_requests: pullsAt(repo, sha),
});

export const suiteJson = (repo: Repo, suite: Suite, sha: Sha) => ({
  id: suite.id,
  head_sha: sha,
  app: { id: suite.appId },
  pull_requests: pullsAt(repo, sha),
});

export const statusJson = (sha: Sha, { id, context, state, description, url }: StatusRecord) => ({
  id,
  sha,
  context,
  state,
  description,
  target_url: url === "" ? null : url,
});

export const commentJson = (repo: Repo, { id, number, body, createdAt }: Comment) => ({
  issue: { number, pull_request: { url: `https://api.github.example/repos/${repo.name}/pulls/${number}` } },
  comment: { id, body, created_at: new Date(createdAt).toISOString() },
});
