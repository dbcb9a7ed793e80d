import type { EnvironmentConfig, Permission } from "./config.ts";
import { DEFAULT_APPROVAL, DEFAULT_ENVIRONMENT } from "./config-defaults.ts";
import { nearest } from "./config-nearest.ts";
import { child, duration, flag, list, oneOf, orNull, record, report, section, text } from "./config-read.ts";
import type { Place, Read } from "./config-read.ts";
import * as value from "./config-values.ts";
import { lineOf } from "./config-yaml.ts";
import type { Node } from "./config-yaml.ts";

/** The `environments` of the file, and what only shows when they are seen together: chains, shared namespaces and hosts. */
export const readEnvironments: Read<readonly EnvironmentConfig[]> = (node, at) => {
  const names = node.kind === "map" ? node.entries.map(({ key }) => key) : [];
  const found =
    record(value.environmentName, (entry, place, name) => readEnvironment(entry, place, { name, names }))(node, at) ??
    [];
  const environments = found.map(([, environment]) => environment);
  refuseCycles(environments, at, node);
  refuseSharing(environments, at, node);
  return environments;
};

function readEnvironment(
  node: Node,
  at: Place,
  { name, names }: { readonly name: string; readonly names: readonly string[] },
): EnvironmentConfig | undefined {
  const map = section(node, at);
  const from = map.required(
    "from",
    readFrom(name, names),
    "add the branch it follows, such as `from: main`, or another environment's name",
  );
  const namespace = map.required(
    "namespace",
    value.namespaceName,
    "add the namespace it runs in, which must carry this repository's label",
  );
  const standard = DEFAULT_ENVIRONMENT;
  const rest: Omit<EnvironmentConfig, "name" | "from" | "namespace"> = {
    clusters: map.optional("clusters", readClusters, standard.clusters),
    host: map.optional("host", orNull(value.host), standard.host),
    bakeMs: map.optional(
      "bake",
      duration({ minMs: 0, maxMs: 7 * 86_400_000, words: "of at most `7d`" }),
      standard.bakeMs,
    ),
    approve: map.optional("approve", orNull(readApproval), standard.approve),
    deadlineMs: map.optional(
      "deadline",
      duration({ minMs: 10_000, maxMs: 86_400_000, words: "from `10s` to `24h`" }),
      standard.deadlineMs,
    ),
    rollback: map.optional("rollback", oneOf("auto", "off"), standard.rollback),
  };
  map.finish();
  return from === undefined || namespace === undefined ? undefined : { name, from, namespace, ...rest };
}

/** A name of another environment is that environment, everything else a branch; the long form says which is meant. */
const readFrom =
  (own: string, names: readonly string[]): Read<EnvironmentConfig["from"]> =>
  (node, at) => {
    const others = names.filter((name) => name !== own);
    if (node.kind === "map") {
      const map = section(node, at);
      const branch = map.optional("branch", value.branch, undefined);
      const environment = map.optional("environment", anotherOf(others), undefined);
      map.finish();
      if (map.has("branch") === map.has("environment")) {
        return report(
          at,
          node.line,
          "names not exactly one source",
          "write `{branch: main}` or `{environment: staging}`",
        );
      }
      if (branch !== undefined) return { kind: "branch", branch };
      return environment === undefined ? undefined : { kind: "environment", environment };
    }
    const from = value.branch(node, at);
    if (from === undefined) return undefined;
    if (others.includes(from)) return { kind: "environment", environment: from };
    const meant = from === own || from.length < 4 ? null : nearest(from, others);
    if (meant === null) return { kind: "branch", branch: from };
    return report(
      at,
      node.line,
      `is "${from}", no environment's name`,
      `did you mean \`${meant}\`? For a branch of this name write \`{branch: ${from}}\``,
    );
  };

const anotherOf = (others: readonly string[]): Read<string> =>
  text({
    what: "another environment",
    remedy: (name) => {
      const similar = nearest(name, others);
      return similar === null ? "name another key of `environments`" : `did you mean \`${similar}\`?`;
    },
    accepts: (name) => others.includes(name),
  });

const readClusters: Read<readonly string[]> = (node, at) => {
  const clusters = list(value.clusterName)(node, at);
  if (clusters === undefined || (node.kind === "list" && node.items.length > clusters.length)) return undefined;
  if (clusters.length === 0)
    return report(at, node.line, "is an empty list", "name a cluster, or leave it out for `default`");
  if (new Set(clusters).size < clusters.length)
    return report(at, node.line, "names a cluster twice", "name each cluster once");
  return clusters;
};

const readApproval: Read<{ permission: Permission; notAuthor: boolean }> = (node, at) => {
  const map = section(node, at);
  const approval = {
    permission: map.optional(
      "permission",
      oneOf<Permission>("read", "triage", "write", "maintain", "admin"),
      DEFAULT_APPROVAL.permission,
    ),
    notAuthor: map.optional("notAuthor", flag, DEFAULT_APPROVAL.notAuthor),
  };
  map.finish();
  return approval;
};

/** Reported once per cycle, at the environment of it that the file names first. */
function refuseCycles(environments: readonly EnvironmentConfig[], at: Place, node: Node): void {
  const source = new Map(
    environments.map(({ name, from }) => [name, from.kind === "environment" ? from.environment : null]),
  );
  const reported = new Set<string>();
  for (const { name } of environments) {
    const chain = [name];
    for (let next = source.get(name); typeof next === "string" && !chain.includes(next); next = source.get(next))
      chain.push(next);
    const closes = source.get(chain.at(-1) ?? name) === name;
    if (!closes || chain.some((link) => reported.has(link))) continue;
    chain.forEach((link) => reported.add(link));
    report(
      child(child(at, name), "from"),
      lineOf(node, name, "from"),
      `goes round in a circle: ${[...chain, name].map((link) => `\`${link}\``).join(" from ")}`,
      "let one of them follow a branch",
    );
  }
}

/** Two environments in one place would overwrite each other's Deployments, or fight over a host. */
function refuseSharing(environments: readonly EnvironmentConfig[], at: Place, node: Node): void {
  for (const [index, environment] of environments.entries()) {
    for (const earlier of environments.slice(0, index)) {
      if (!environment.clusters.some((cluster) => earlier.clusters.includes(cluster))) continue;
      for (const key of ["namespace", "host"] as const) {
        if (environment[key] === null || environment[key] !== earlier[key]) continue;
        report(
          child(child(at, environment.name), key),
          lineOf(node, environment.name, key),
          `is "${environment[key]}", which \`${earlier.name}\` has on the same cluster`,
          `give \`${environment.name}\` a ${key} of its own`,
        );
      }
    }
  }
}
