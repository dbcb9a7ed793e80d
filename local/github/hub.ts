import { join } from "node:path";
import type { WorldClock } from "../clock.ts";
import { type Git, openGit } from "./git.ts";
import type { Json } from "./http.ts";
import type { RateLimits } from "./rate.ts";
import { accountJson, organizationJson, repositoryJson } from "./serialize.ts";
import type { Account, Permission, Repo, State } from "./state.ts";
import type { Delivery, Webhooks } from "./webhooks.ts";

export interface LocalGitHubOptions {
  /** Git repositories and records; everything in it survives a restart. */
  readonly dir: string;
  readonly clock: WorldClock;
  /** `http://127.0.0.1:4000`: the API is at `/api/v3` below it, git at `/git/OWNER/REPO`. */
  readonly baseUrl: () => string;
  readonly app: {
    readonly id: number;
    readonly slug: string;
    readonly privateKeyPem: string;
    readonly webhookUrl: () => string;
    readonly webhookSecret: string;
  };
  /** The CI stand-in's App: its check runs carry it. */
  readonly ciApp: { readonly id: number; readonly slug: string; readonly token: string };
  readonly users: readonly {
    readonly login: string;
    readonly token: string;
    readonly permission: Exclude<Permission, "none">;
  }[];
  /** Where the numbers of accounts, repositories and everything else begin. */
  readonly firstId?: number;
  /** After the refs moved. A deleted ref has `sha` all zeros. */
  readonly onPush?: (push: Push) => void;
  /** Somebody asked for a check run of the CI stand-in again. */
  readonly onRerequest?: (run: { owner: string; repo: string; sha: string; name: string; id: number }) => void;
  /** Tests wrap a delivery to lose, repeat or reorder it. */
  readonly deliver?: (delivery: Delivery, send: () => Promise<{ status: number }>) => Promise<{ status: number }>;
  /** Every exchange of the API, for checking it against GitHub's description. */
  readonly record?: (exchange: Exchange) => void;
}

export interface Push {
  readonly owner: string;
  readonly repo: string;
  readonly ref: string;
  readonly sha: string;
  readonly before: string;
}

export interface Exchange {
  readonly method: string;
  /** Below `/api/v3`, with the query. */
  readonly path: string;
  readonly requestBody: unknown;
  readonly status: number;
  readonly responseBody: unknown;
}

/** What every route works on. */
export interface Hub {
  readonly options: LocalGitHubOptions;
  readonly state: State;
  readonly webhooks: Webhooks;
  readonly limits: RateLimits;
  readonly api: string;
  readonly html: string;
  now(): string;
  git(repo: Repo): Promise<Git>;
  repository(owner: string, name: string): Repo | undefined;
  account(login: string): Account;
  /** One writer at a time: refs, records and the order of events move together. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Queues a webhook for Proa's App; it leaves after the answer to the request that caused it. */
  emit(event: string, repo: Repo, sender: string, payload: Json): void;
  /** Runs once the answer is on its way. */
  after(work: () => void): void;
  flush(): void;
}

export function createHub(options: LocalGitHubOptions, state: State, webhooks: Webhooks, limits: RateLimits): Hub {
  const gits = new Map<number, Promise<Git>>();
  let tail: Promise<unknown> = Promise.resolve();
  let pending: (() => void)[] = [];

  const hub: Hub = {
    options,
    state,
    webhooks,
    limits,
    get api() {
      return `${options.baseUrl()}/api/v3`;
    },
    get html() {
      return options.baseUrl();
    },
    now: () => new Date(options.clock.nowMs()).toISOString().replace(/\.\d+Z$/, "Z"),
    git(repo) {
      const opened = gits.get(repo.id) ?? openGit(join(options.dir, "git", `${repo.id}.git`));
      gits.set(repo.id, opened);
      return opened;
    },
    repository: (owner, name) => state.list("repo", (repo) => repo.owner === owner && repo.name === name)[0],
    account(login) {
      const [known] = state.list("account", (account) => account.login === login);
      const isUser = options.users.some((user) => user.login === login);
      const type = login.endsWith("[bot]") ? "Bot" : isUser ? "User" : "Organization";
      return known ?? state.put("account", { id: state.nextId(), login, type });
    },
    exclusive(work) {
      const mine = tail.then(work);
      tail = mine.catch(() => {});
      return mine;
    },
    emit(event, repo, sender, payload) {
      const [installation] = state.list("installation", ({ account }) => account === repo.owner);
      if (installation === undefined || (installation.suspendedAt !== null && event !== "installation")) return;
      const owner = hub.account(repo.owner);
      const full: Json = {
        ...payload,
        ...(event === "installation"
          ? {}
          : {
              repository: repositoryJson(hub, repo),
              installation: { id: installation.id, node_id: `I_${installation.id}` },
            }),
        ...(owner.type === "Organization" && event !== "installation"
          ? { organization: organizationJson(hub, owner) }
          : {}),
        sender: accountJson(hub, sender),
      };
      const delivery = webhooks.prepare({
        event,
        payload: full,
        installationId: installation.id,
        repositoryId: event === "installation" ? null : repo.id,
      });
      hub.after(() => webhooks.enqueue(delivery));
    },
    after(work) {
      pending.push(work);
    },
    flush() {
      const due = pending;
      pending = [];
      for (const work of due) work();
    },
  };
  return hub;
}
