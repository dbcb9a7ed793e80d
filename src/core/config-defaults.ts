import type { DeployMode, EnvironmentConfig, GateConfig, PreviewConfig, RepoConfig, ServiceConfig } from "./config.ts";

/**
 * A repository without a file: one service `web`, previews only. What a written file leaves out takes the same values.
 * `docs/proa-yml.md` shows them, and a test compares.
 */
export function defaultConfig(defaultBranch: string): RepoConfig {
  return {
    source: "none",
    services: [defaultService("web")],
    shared: [],
    gate: DEFAULT_GATE,
    deploy: DEFAULT_DEPLOY,
    previews: defaultPreviews(defaultBranch),
    environments: [],
  };
}

export const defaultService = (name: string): ServiceConfig => ({
  name,
  path: ".",
  image: null,
  tag: "{sha}",
  port: 8080,
  health: null,
  command: null,
  replicas: 1,
  resources: { cpu: "100m", memory: "256Mi" },
  env: {},
  expose: true,
});

export const DEFAULT_GATE: GateConfig = {
  require: [],
  ignore: [],
  quietMs: 60_000,
  noChecks: "wait",
  production: "auto",
};

export const DEFAULT_DEPLOY: DeployMode = { kind: "templates" };

const DAY_MS = 86_400_000;

export const defaultPreviews = (defaultBranch: string): PreviewConfig => ({
  when: { base: [defaultBranch], drafts: false, label: null },
  host: "pr-{n}-{repo}.{domain}",
  ttlMs: 14 * DAY_MS,
  cap: 20,
  secrets: null,
  forks: "refuse",
});

type EnvironmentDefaults = Omit<EnvironmentConfig, "name" | "from" | "namespace">;

export const DEFAULT_ENVIRONMENT: EnvironmentDefaults = {
  clusters: ["default"],
  host: null,
  bakeMs: 120_000,
  approve: null,
  deadlineMs: 600_000,
  rollback: "auto",
};

/** Whoever asks for an approval without more words gets the strict one. */
export const DEFAULT_APPROVAL = { permission: "write", notAuthor: true } as const;
