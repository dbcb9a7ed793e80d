import { DatabaseSync } from "node:sqlite";

export type Permission = "none" | "read" | "triage" | "write" | "maintain" | "admin";

export interface Account {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Organization" | "Bot";
}

export interface Repo {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  readonly private: boolean;
  readonly archived: boolean;
  readonly defaultBranch: string;
  /** Names it had before; GitHub redirects them until another repository takes one. */
  readonly formerNames: readonly string[];
  readonly forkOf: number | null;
  readonly nextNumber: number;
  readonly createdAt: string;
  readonly pushedAt: string;
}

export interface Installation {
  readonly id: number;
  readonly account: string;
  readonly suspendedAt: string | null;
  readonly createdAt: string;
}

export interface Token {
  readonly id: number;
  readonly token: string;
  readonly installationId: number;
  readonly repositoryIds: readonly number[] | null;
  readonly permissions: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
}

export interface Pull {
  readonly id: number;
  readonly repoId: number;
  readonly number: number;
  readonly title: string;
  readonly body: string | null;
  readonly author: string;
  readonly state: "open" | "closed";
  readonly draft: boolean;
  readonly labels: readonly string[];
  readonly head: { readonly repoId: number; readonly owner: string; readonly ref: string; readonly sha: string };
  readonly base: { readonly ref: string; readonly sha: string };
  /** The test merge of these two tips; `sha` null: they conflict. */
  readonly test: { readonly base: string; readonly head: string; readonly sha: string | null } | null;
  readonly merged: { readonly at: string; readonly by: string; readonly sha: string } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly closedAt: string | null;
}

export interface Comment {
  readonly id: number;
  readonly repoId: number;
  readonly number: number;
  readonly body: string;
  readonly author: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Reaction {
  readonly id: number;
  readonly commentId: number;
  readonly content: string;
  readonly author: string;
  readonly createdAt: string;
}

export interface Suite {
  readonly id: number;
  readonly repoId: number;
  readonly appId: number;
  readonly headSha: string;
  readonly headBranch: string | null;
  readonly before: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Run {
  readonly id: number;
  readonly repoId: number;
  readonly suiteId: number;
  readonly appId: number;
  readonly name: string;
  readonly headSha: string;
  readonly externalId: string;
  readonly detailsUrl: string | null;
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion: string | null;
  readonly startedAt: string;
  readonly completedAt: string | null;
  readonly output: { readonly title: string | null; readonly summary: string | null; readonly text: string | null };
  readonly annotations: readonly Record<string, unknown>[];
  readonly actions: readonly Record<string, unknown>[];
}

export interface Status {
  readonly id: number;
  readonly repoId: number;
  readonly sha: string;
  readonly context: string;
  readonly state: string;
  readonly description: string | null;
  readonly targetUrl: string | null;
  readonly author: string;
  readonly createdAt: string;
}

export interface Deployment {
  readonly id: number;
  readonly repoId: number;
  readonly sha: string;
  readonly ref: string;
  readonly task: string;
  readonly payload: unknown;
  readonly environment: string;
  readonly originalEnvironment: string;
  readonly description: string | null;
  readonly transient: boolean;
  readonly production: boolean;
  readonly author: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface DeploymentStatus {
  readonly id: number;
  readonly deploymentId: number;
  readonly state: string;
  readonly description: string;
  readonly environment: string;
  readonly environmentUrl: string;
  readonly logUrl: string;
  readonly author: string;
  readonly createdAt: string;
}

export interface Environment {
  readonly id: number;
  readonly repoId: number;
  readonly name: string;
  readonly createdAt: string;
}

export interface Label {
  readonly id: number;
  readonly repoId: number;
  readonly name: string;
}

export interface Protection {
  readonly id: number;
  readonly repoId: number;
  readonly branch: string;
  readonly checks: { readonly strict: boolean; readonly checks: readonly RequiredCheck[] } | null;
  readonly enforceAdmins: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface RequiredCheck {
  readonly context: string;
  readonly appId: number | null;
}

export interface Ruleset {
  readonly id: number;
  readonly repoId: number;
  readonly name: string;
  readonly enforcement: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly rules: readonly { readonly type: string; readonly parameters?: Record<string, unknown> }[];
  readonly createdAt: string;
}

export interface DeliveryRecord {
  readonly id: number;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly installationId: number;
  readonly repositoryId: number | null;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly redelivery: boolean;
  readonly deliveredAt: string;
  readonly durationSeconds: number;
  readonly status: string;
  readonly statusCode: number;
}

interface Documents {
  account: Account;
  repo: Repo;
  installation: Installation;
  token: Token;
  pull: Pull;
  comment: Comment;
  reaction: Reaction;
  suite: Suite;
  run: Run;
  status: Status;
  deployment: Deployment;
  deploymentStatus: DeploymentStatus;
  environment: Environment;
  label: Label;
  protection: Protection;
  ruleset: Ruleset;
  delivery: DeliveryRecord;
  /** The last id given out: an id is never used twice, even after what carried it was deleted. */
  counter: { readonly id: 1; readonly last: number };
}
export type Kind = keyof Documents;

/** GitHub's records: read from memory, every write put through to SQLite first. */
export interface State {
  nextId(): number;
  get<K extends Kind>(kind: K, id: number): Documents[K] | undefined;
  /** In order of id, which is the order of creation. */
  list<K extends Kind>(kind: K, where?: (document: Documents[K]) => boolean): Documents[K][];
  put<K extends Kind>(kind: K, document: Documents[K]): Documents[K];
  delete(kind: Kind, id: number): void;
  close(): void;
}

/** @param firstId the first id it gives out, if it has given none yet */
export function openState(file: string, firstId = 1001): State {
  const database = new DatabaseSync(file);
  // NORMAL with a write-ahead log: no fsync for each write, and a killed process loses nothing.
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS documents (kind TEXT, id INTEGER, json TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID`);
  const write = database.prepare("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)");
  const erase = database.prepare("DELETE FROM documents WHERE kind = ? AND id = ?");
  const memory = new Map<string, Map<number, unknown>>();
  const of = (kind: string): Map<number, unknown> => {
    const known = memory.get(kind) ?? new Map<number, unknown>();
    memory.set(kind, known);
    return known;
  };
  for (const row of database.prepare("SELECT kind, id, json FROM documents ORDER BY id").all())
    of(String(row["kind"])).set(Number(row["id"]), JSON.parse(String(row["json"])));

  // The table holds what `put` wrote under that kind, so the casts below are its inverse.
  const state: State = {
    nextId() {
      const last = (state.get("counter", 1)?.last ?? firstId - 1) + 1;
      state.put("counter", { id: 1, last });
      return last;
    },
    get: <K extends Kind>(kind: K, id: number) => of(kind).get(id) as Documents[K] | undefined,
    list: <K extends Kind>(kind: K, where: (document: Documents[K]) => boolean = () => true) =>
      ([...of(kind).values()] as Documents[K][]).filter(where),
    put(kind, document) {
      write.run(kind, document.id, JSON.stringify(document));
      of(kind).set(document.id, document);
      return document;
    },
    delete(kind, id) {
      erase.run(kind, id);
      of(kind).delete(id);
    },
    close: () => database.close(),
  };
  return state;
}
