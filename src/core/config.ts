import type { Millis } from "./names.ts";

/** A repository's `.proa.yml`, parsed, with every default filled in. `config-parse.ts` is the only place that makes one. */
export interface RepoConfig {
  /** `none`: the repository has no file. Then there is one service `web` and previews only; nothing reaches an environment unasked. */
  readonly source: "file" | "none";
  readonly services: readonly ServiceConfig[];
  /** Globs; a change to one of them changes every service. */
  readonly shared: readonly string[];
  readonly gate: GateConfig;
  readonly deploy: DeployMode;
  readonly previews: PreviewConfig;
  readonly environments: readonly EnvironmentConfig[];
}

export interface ServiceConfig {
  readonly name: string;
  /** Folder of the service, `.` for the whole repository. */
  readonly path: string;
  /** Repository part of the image reference without tag; null: the installation's default pattern. */
  readonly image: string | null;
  /** Tag pattern, `{sha}` stands for the full commit. */
  readonly tag: string;
  readonly port: number;
  /** HTTP path of the readiness probe; null: a TCP connect. */
  readonly health: string | null;
  readonly command: readonly string[] | null;
  /** In an environment; a preview has one. */
  readonly replicas: number;
  readonly resources: { readonly cpu: string; readonly memory: string };
  readonly env: Readonly<Record<string, string>>;
  /** Whether it gets `$PORT`, a readiness probe, a Service and an Ingress host. */
  readonly expose: boolean;
}

export interface GateConfig {
  /** Contexts added to what rulesets and branch protection require. */
  readonly require: readonly string[];
  /** Globs of contexts that never count. */
  readonly ignore: readonly string[];
  /** How long nothing new may have appeared, where nothing at all is required. */
  readonly quietMs: Millis;
  /** What a commit without a single check means. */
  readonly noChecks: "wait" | "allow";
  /** Which checks count for a commit on an environment's branch. */
  readonly production: "auto" | "push-checks" | "head-checks-if-tree-equal" | "explicit";
}

/** `patch`: in environments the images of Deployments that exist already are replaced; previews are rendered all the same. */
export type DeployMode =
  | { readonly kind: "templates" }
  | {
      readonly kind: "patch";
      readonly workloads: Readonly<Record<string, { readonly deployment: string; readonly container: string }>>;
    };

export interface PreviewConfig {
  /** `base`: branches by name; the parser fills in the default branch. */
  readonly when: { readonly base: readonly string[]; readonly drafts: boolean; readonly label: string | null };
  /** `{n}`, `{repo}`, `{owner}`, `{domain}` are filled in. */
  readonly host: string;
  readonly ttlMs: Millis;
  readonly cap: number;
  readonly secrets: { readonly from: string; readonly keys: readonly string[] } | null;
  readonly forks: "refuse" | "approve";
}

export type Permission = "read" | "triage" | "write" | "maintain" | "admin";

export interface EnvironmentConfig {
  readonly name: string;
  /** A branch, or the environment whose healthy release is promoted here as it is. */
  readonly from:
    | { readonly kind: "branch"; readonly branch: string }
    | { readonly kind: "environment"; readonly environment: string };
  readonly clusters: readonly string[];
  readonly namespace: string;
  readonly host: string | null;
  readonly bakeMs: Millis;
  readonly approve: { readonly permission: Permission; readonly notAuthor: boolean } | null;
  /** How long a rollout may take before it counts as failed. */
  readonly deadlineMs: Millis;
  readonly rollback: "auto" | "off";
}

/** A mistake in `.proa.yml`: shown as an annotation on its line, so both line and remedy are always there. */
export interface ConfigProblem {
  /** 1-based. */
  readonly line: number;
  /** What is wrong, e.g. `previews.cap is "many"`. */
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
}
