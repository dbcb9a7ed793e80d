/**
 * The words everything else is built from. A value of one of these types has been checked once, where it came in.
 */
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A full, lower-case commit id: 40 hexadecimal characters (64 for SHA-256 repositories). */
export type Sha = Brand<string, "Sha">;
/** `sha256:` and 64 hexadecimal characters: the only way an image reaches a cluster. */
export type Digest = Brand<string, "Digest">;
/** GitHub's numeric repository id: what names a repository across renames and transfers. */
export type RepoId = Brand<number, "RepoId">;
/** `owner/name`, for talking to GitHub's API and to people; never used as a key. */
export type RepoName = Brand<string, "RepoName">;
/** Grows by one with every write of a target's workloads and never repeats, so a late writer can be told from the current one. */
export type Revision = Brand<number, "Revision">;
/** Milliseconds since 1970 on the injected clock. */
export type Millis = number;

/** What has one desired state and one history. */
export type Target =
  | { readonly kind: "preview"; readonly repoId: RepoId; readonly number: number }
  | { readonly kind: "env"; readonly repoId: RepoId; readonly environment: string };

/** A thing an event named that is not a target itself; the deployer fans it out to the targets it concerns. */
export type Topic =
  | { readonly kind: "commit"; readonly repoId: RepoId; readonly sha: Sha }
  | { readonly kind: "repo"; readonly repoId: RepoId }
  | { readonly kind: "image"; readonly repository: string; readonly tag: string };

/** `preview/12/7`, `env/12/staging`: the store's key, the queue's message group, and the annotation `proa.dev/target`. */
export type TargetId = Brand<string, "TargetId">;

export const parseSha = (text: unknown): Sha | null =>
  typeof text === "string" && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? (text as Sha) : null;

export const parseDigest = (text: unknown): Digest | null =>
  typeof text === "string" && /^sha256:[0-9a-f]{64}$/.test(text) ? (text as Digest) : null;

export const parseRepoId = (value: unknown): RepoId | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? (value as RepoId) : null;

export const parseRepoName = (text: unknown): RepoName | null =>
  typeof text === "string" &&
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,100}\/[A-Za-z0-9._-]{1,100}$/.test(text) &&
  !/\/\.{1,2}$/.test(text)
    ? (text as RepoName)
    : null;

export const asRevision = (n: number): Revision => n as Revision;

/** Owner and name apart, as the REST API's path wants them. */
export function splitRepo(name: RepoName): { owner: string; repo: string } {
  const [owner = "", repo = ""] = name.split("/");
  return { owner, repo };
}

export function targetId(target: Target): TargetId {
  return (
    target.kind === "preview"
      ? `preview/${target.repoId}/${target.number}`
      : `env/${target.repoId}/${target.environment}`
  ) as TargetId;
}

export function topicId(topic: Topic): string {
  switch (topic.kind) {
    case "commit":
      return `commit/${topic.repoId}/${topic.sha}`;
    case "repo":
      return `repo/${topic.repoId}`;
    case "image":
      return `image/${topic.repository}/${topic.tag}`;
  }
}

/** The commit as people read it. */
export const short = (sha: string): string => sha.slice(0, 7);

/** What GitHub shows for a target: `proa/preview`, `proa/staging`. The check run is this name and ` report`. */
export const statusContext = (target: Target): string =>
  `proa/${target.kind === "preview" ? "preview" : target.environment}`;

/** Labels and annotations that Proa reads and writes; `docs/architecture.md` says who sets which. */
export const LABEL = {
  managedBy: "app.kubernetes.io/managed-by",
  repositoryId: "proa.dev/repository-id",
  pullRequest: "proa.dev/pull-request",
  service: "proa.dev/service",
} as const;

export const ANNOTATION = {
  target: "proa.dev/target",
  revision: "proa.dev/revision",
  commit: "proa.dev/commit",
  digest: "proa.dev/digest",
  /** Hash of everything we rendered except image and annotations: equal means a JSON Patch of the image is enough. */
  shape: "proa.dev/shape",
} as const;

export const MANAGED_BY = "proa";
