import type { ConfigProblem, DeployMode, GateConfig, PreviewConfig, RepoConfig, ServiceConfig } from "./config.ts";
import { DEFAULT_DEPLOY, DEFAULT_GATE, defaultPreviews, defaultService } from "./config-defaults.ts";
import { readEnvironments } from "./config-environments.ts";
import { child, duration, flag, integer, list, oneOf, orNull, record, report, section } from "./config-read.ts";
import type { Place, Read } from "./config-read.ts";
import * as value from "./config-values.ts";
import { lineOf, readYaml } from "./config-yaml.ts";
import type { Node } from "./config-yaml.ts";

export type ParsedConfig = { readonly config: RepoConfig } | { readonly problems: readonly ConfigProblem[] };

/**
 * `.proa.yml`, strictly: every mistake at once, in the order of the file, each with its line and what to write instead.
 * `defaultBranch`: what pull requests go into where the file does not say.
 */
export function parseConfig(text: string, defaultBranch: string): ParsedConfig {
  const yaml = readYaml(text);
  if ("problems" in yaml) return { problems: listed(yaml.problems) };
  const problems: ConfigProblem[] = [];
  const config = readRoot(yaml.root, { path: "", problems }, defaultBranch);
  // Stable, so two mistakes on one line stay in the order they were found.
  return problems.length > 0 ? { problems: listed(problems.toSorted((a, b) => a.line - b.line)) } : { config };
}

/** One request to GitHub shows so many annotations, and they stand in the target's record: a file cannot make either grow. */
const MAX_PROBLEMS = 50;

function listed(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const next = problems[MAX_PROBLEMS - 1];
  if (problems.length <= MAX_PROBLEMS || next === undefined) return problems;
  const message = `${problems.length - MAX_PROBLEMS + 1} more mistakes are not listed`;
  return [...problems.slice(0, MAX_PROBLEMS - 1), { line: next.line, message, remedy: "mend those above first" }];
}

function readRoot(node: Node, at: Place, defaultBranch: string): RepoConfig {
  const root = section(node, at);
  if (node.kind === "map" || node.kind === "nothing")
    root.required("version", version, "begin the file with `version: 1`");
  const services = root.optional("services", readServices, [defaultService("web")]);
  const config: RepoConfig = {
    source: "file",
    services,
    shared: root.optional("shared", list(value.glob), []),
    gate: root.optional("gate", readGate, DEFAULT_GATE),
    deploy: root.optional("deploy", readDeploy(services), DEFAULT_DEPLOY),
    previews: root.optional("previews", readPreviews(defaultPreviews(defaultBranch)), defaultPreviews(defaultBranch)),
    environments: root.optional("environments", readEnvironments, []),
  };
  root.finish();
  return config;
}

const version: Read<1> = (node, at) =>
  node.kind === "scalar" && node.value === 1
    ? 1
    : report(at, node.line, "is not 1, the only version there is", "write `version: 1`");

const readServices: Read<readonly ServiceConfig[]> = (node, at) => {
  const services = record(value.serviceName, readService)(node, at) ?? [];
  if (node.kind === "nothing" || (node.kind === "map" && node.entries.length === 0)) {
    return report(at, node.line, "names no service", "write `web: {}` below it, or leave `services` out");
  }
  if (node.kind === "map")
    refuseSameImage(
      node,
      at,
      services.map(([, service]) => service),
    );
  return services.map(([, service]) => service);
};

function readService(node: Node, at: Place, name: string): ServiceConfig {
  const standard = defaultService(name);
  const map = section(node, at);
  const service: ServiceConfig = {
    name,
    path: map.optional("path", value.folder, standard.path),
    image: map.optional("image", orNull(value.image), standard.image),
    tag: map.optional("tag", value.tag, standard.tag),
    port: map.optional("port", integer({ min: 1, max: 65_535 }), standard.port),
    health: map.optional("health", orNull(value.healthPath), standard.health),
    command: map.optional("command", orNull(readCommand), standard.command),
    replicas: map.optional("replicas", integer({ min: 1, max: 100 }), standard.replicas),
    resources: map.optional("resources", readResources, standard.resources),
    env: map.optional("env", readVariables, standard.env),
    expose: map.optional("expose", flag, standard.expose),
  };
  map.finish();
  for (const key of ["port", "health"].filter((key) => !service.expose && map.has(key))) {
    const reason = "says nothing while `expose` is false: nobody connects to this service";
    report(child(at, key), map.lineOf(key), reason, `remove \`${key}\`, or remove \`expose: false\``);
  }
  return service;
}

const readCommand: Read<readonly string[]> = (node, at) => {
  if (node.kind === "list" && node.items.length === 0) {
    return report(
      at,
      node.line,
      "is an empty list",
      "write `[node, server.js]`, or leave it out for the image's own command",
    );
  }
  if (node.kind !== "scalar") return list(value.argument)(node, at);
  const words = node.text.split(/\s+/).filter(Boolean).slice(0, 6).join(", ");
  return report(
    at,
    node.line,
    "is one text, not a list of words",
    `write \`[${words}]\`; for a shell \`[sh, -c, "…"]\``,
  );
};

const readResources: Read<ServiceConfig["resources"]> = (node, at) => {
  const standard = defaultService("web").resources;
  const map = section(node, at);
  const resources = {
    cpu: map.optional("cpu", value.cpu, standard.cpu),
    memory: map.optional("memory", value.memory, standard.memory),
  };
  map.finish();
  return resources;
};

const readVariables: Read<ServiceConfig["env"]> = (node, at) => {
  const variables = record(value.variableName, value.variableValue)(node, at);
  return variables && Object.fromEntries(variables);
};

/** One image for several services is fine when each runs a command of its own; otherwise it is a line copied and not changed. */
function refuseSameImage(node: Node, at: Place, services: readonly ServiceConfig[]): void {
  const seen = new Map<string, string>();
  for (const { name, image, tag, command } of services) {
    if (image === null) continue;
    const what = JSON.stringify([image, tag, command]);
    const first = seen.get(what);
    if (first === undefined) {
      seen.set(what, name);
      continue;
    }
    report(
      child(child(at, name), "image"),
      lineOf(node, name, "image"),
      `and \`command\` are the same as those of \`${first}\``,
      "write the service's own image, or a `command` of its own where one image serves both",
    );
  }
}

const readGate: Read<GateConfig> = (node, at) => {
  const map = section(node, at);
  const gate: GateConfig = {
    require: map.optional("require", list(value.checkName), DEFAULT_GATE.require),
    ignore: map.optional("ignore", list(value.checkPattern), DEFAULT_GATE.ignore),
    quietMs: map.optional(
      "quiet",
      duration({ minMs: 0, maxMs: 3_600_000, words: "of at most `1h`" }),
      DEFAULT_GATE.quietMs,
    ),
    noChecks: map.optional("noChecks", oneOf("wait", "allow"), DEFAULT_GATE.noChecks),
    production: map.optional(
      "production",
      oneOf("auto", "push-checks", "head-checks-if-tree-equal", "explicit"),
      DEFAULT_GATE.production,
    ),
  };
  map.finish();
  return gate;
};

const readDeploy =
  (services: readonly ServiceConfig[]): Read<DeployMode> =>
  (node, at) => {
    const map = section(node, at);
    const mode = map.optional("mode", readMode, map.has("mode") ? null : "templates");
    // Reported; the other keys belong to the mode that was meant.
    if (mode === null) return undefined;
    const workloads =
      mode === "patch" ? map.required("workloads", readWorkloads(services), WORKLOADS_REMEDY) : undefined;
    map.finish();
    return workloads === undefined ? DEFAULT_DEPLOY : { kind: "patch", workloads };
  };

const WORKLOADS_REMEDY = "write `workloads: {web: {deployment: web, container: app}}`, one entry per service";

const readMode: Read<"templates" | "patch"> = (node, at) =>
  node.kind === "scalar" && node.text === "manifests"
    ? report(at, node.line, "is `manifests`, which is not supported yet", "use `templates` or `patch`")
    : oneOf("templates", "patch")(node, at);

const readWorkloads =
  (services: readonly ServiceConfig[]): Read<Readonly<Record<string, { deployment: string; container: string }>>> =>
  (node, at) => {
    const workloads = record(value.serviceName, readWorkload)(node, at) ?? [];
    const named = workloads.map(([service]) => service);
    for (const { name } of services.filter(({ name }) => !named.includes(name))) {
      report(
        at,
        node.line,
        `says nothing about the service \`${name}\``,
        `add \`${name}: {deployment: …, container: …}\``,
      );
    }
    for (const name of named.filter((name) => !services.some((service) => service.name === name))) {
      report(
        child(at, name),
        lineOf(node, name),
        "is not one of `services`",
        `add \`${name}\` to \`services\`, or remove this entry`,
      );
    }
    return Object.fromEntries(workloads);
  };

function readWorkload(node: Node, at: Place): { deployment: string; container: string } | undefined {
  const map = section(node, at);
  const deployment = map.required("deployment", value.objectName, "add the name that `kubectl get deployments` shows");
  const container = map.required(
    "container",
    value.objectName,
    "add the name of the container whose image is replaced",
  );
  map.finish();
  return deployment === undefined || container === undefined ? undefined : { deployment, container };
}

const readPreviews =
  (standard: PreviewConfig): Read<PreviewConfig> =>
  (node, at) => {
    const map = section(node, at);
    const previews: PreviewConfig = {
      when: map.optional("when", readWhen(standard.when), standard.when),
      host: map.optional("host", value.previewHost, standard.host),
      ttlMs: map.optional(
        "ttl",
        duration({ minMs: 60_000, maxMs: 365 * 86_400_000, words: "from `1m` to `365d`" }),
        standard.ttlMs,
      ),
      cap: map.optional("cap", integer({ min: 1, max: 1000 }), standard.cap),
      secrets: map.optional("secrets", orNull(readSecrets), standard.secrets),
      forks: map.optional("forks", oneOf("refuse", "approve"), standard.forks),
    };
    map.finish();
    return previews;
  };

const readWhen =
  (standard: PreviewConfig["when"]): Read<PreviewConfig["when"]> =>
  (node, at) => {
    const map = section(node, at);
    const when = {
      base: map.optional("base", readBases, standard.base),
      drafts: map.optional("drafts", flag, standard.drafts),
      label: map.optional("label", orNull(value.pullRequestLabel), standard.label),
    };
    map.finish();
    return when;
  };

const readBases: Read<readonly string[]> = (node, at) =>
  node.kind === "list" && node.items.length === 0
    ? report(
        at,
        node.line,
        "is an empty list, so no pull request gets a preview",
        "name a branch, or leave it out for the default branch",
      )
    : list(value.branch)(node, at);

const readSecrets: Read<NonNullable<PreviewConfig["secrets"]>> = (node, at) => {
  const map = section(node, at);
  const from = map.required("from", value.objectName, "add the name of the Secret whose values previews may have");
  const keys = map.required("keys", list(value.variableName), "list the keys to copy, such as `keys: [DATABASE_URL]`");
  map.finish();
  return from === undefined || keys === undefined ? undefined : { from, keys };
};
