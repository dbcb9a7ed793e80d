import type { RepoConfig, ServiceConfig } from "./config.ts";
import { printable } from "./config-yaml.ts";
import { parseQuantity } from "./quantity.ts";

export interface HeadMerge {
  /** The base branch's configuration, with what the pull request may change taken from its head. */
  readonly config: RepoConfig;
  /** What the pull request changes in vain, in sentences for its comment. */
  readonly ignored: readonly string[];
}

export interface MergeOptions {
  /** The most one preview's container may ask for, whatever a pull request says. */
  readonly caps: ServiceConfig["resources"];
  /** Name of the branch that the rest is read from, for the sentences. */
  readonly baseBranch: string;
}

/**
 * What a pull request's own `.proa.yml` may say about its preview: port, health, command, literal variables, and resources
 * within the caps. Everything else reaches beyond the preview (whose image runs, where, with which secrets, behind which
 * checks) and is read from the base branch, so that opening a pull request gives nobody more than the preview.
 */
export function mergeHeadConfig(base: RepoConfig, head: RepoConfig, { caps, baseBranch }: MergeOptions): HeadMerge {
  if (head.source === "none") {
    const removed =
      base.source === "none" ? [] : [`\`.proa.yml\` is removed by this pull request; ${afterMerge(baseBranch)}`];
    return { config: base, ignored: removed };
  }
  const ignored: string[] = [];
  const ignore = (what: string): void => {
    ignored.push(
      `\`${printable(what)}\` is read from ${baseBranch}; this pull request's change takes effect after the merge.`,
    );
  };

  const services = base.services.map((service): ServiceConfig => {
    const proposed = head.services.find(({ name }) => name === service.name);
    if (proposed === undefined) {
      ignored.push(`The service \`${service.name}\` is removed by this pull request; ${afterMerge(baseBranch)}`);
      return service;
    }
    for (const key of FROM_BASE) if (differs(service[key], proposed[key])) ignore(`services.${service.name}.${key}`);
    const { port, health, command, env } = proposed;
    return { ...service, port, health, command, env, resources: withinCaps(service, proposed, { caps, ignored }) };
  });
  for (const { name } of head.services.filter(({ name }) => !base.services.some((service) => service.name === name))) {
    ignored.push(
      `The service \`${name}\` is new in this pull request; ${baseBranch} does not know it, so it runs after the merge.`,
    );
  }
  for (const path of changedPaths(base, head)) ignore(path);
  return { config: { ...base, services }, ignored };
}

const FROM_BASE = ["path", "image", "tag", "replicas", "expose"] as const satisfies readonly (keyof ServiceConfig)[];

function withinCaps(
  service: ServiceConfig,
  proposed: ServiceConfig,
  { caps, ignored }: { readonly caps: ServiceConfig["resources"]; readonly ignored: string[] },
): ServiceConfig["resources"] {
  const pick = (kind: "cpu" | "memory"): string => {
    const [wanted, present, cap] = [proposed.resources[kind], service.resources[kind], caps[kind]];
    // What the base branch has was agreed on when it was merged; only more than that is held against the cap.
    if (amount(wanted) <= Math.max(amount(cap), amount(present))) return wanted;
    ignored.push(
      `\`services.${service.name}.resources.${kind}\` is ${wanted}, more than the ${cap} a preview may have here; it keeps ${present}.`,
    );
    return present;
  };
  return { cpu: pick("cpu"), memory: pick("memory") };
}

/** What cannot be read is more than any cap. */
const amount = (quantity: string): number => parseQuantity(quantity) ?? Number.POSITIVE_INFINITY;

/** The keys outside `services` that differ, as the file names them. */
function changedPaths(base: RepoConfig, head: RepoConfig): string[] {
  const below = (path: string, names: Readonly<Record<string, string>>, a: object, b: object): string[] => {
    const [one, other] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
    return Object.entries(names).flatMap(([field, key]) =>
      differs(one.get(field), other.get(field)) ? [`${path}.${key}`] : [],
    );
  };
  const environments = [...new Set([...base.environments, ...head.environments].map(({ name }) => name))];
  const environment = (config: RepoConfig, name: string) => config.environments.find((other) => other.name === name);
  return [
    ...(differs(base.shared, head.shared) ? ["shared"] : []),
    ...below("gate", GATE_KEYS, base.gate, head.gate),
    ...(differs(base.deploy, head.deploy) ? ["deploy"] : []),
    ...below("previews", PREVIEW_KEYS, base.previews, head.previews),
    ...environments
      .filter((name) => differs(environment(base, name), environment(head, name)))
      .map((name) => `environments.${name}`),
  ];
}

const GATE_KEYS: Readonly<Record<keyof RepoConfig["gate"], string>> = {
  require: "require",
  ignore: "ignore",
  quietMs: "quiet",
  noChecks: "noChecks",
  production: "production",
};

const PREVIEW_KEYS: Readonly<Record<keyof RepoConfig["previews"], string>> = {
  when: "when",
  host: "host",
  ttlMs: "ttl",
  cap: "cap",
  secrets: "secrets",
  forks: "forks",
};

/** Both sides were built by the same parser, so their keys stand in the same order (a map's own keys: in the file's). */
const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);

const afterMerge = (branch: string): string => `it is read from ${branch}, so that takes effect after the merge.`;
