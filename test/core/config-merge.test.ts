import { expect, test } from "vitest";
import type { RepoConfig } from "../../src/core/config.ts";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import { mergeHeadConfig } from "../../src/core/config-merge.ts";
import { parseConfig } from "../../src/core/config-parse.ts";

function config(text: string): RepoConfig {
  const result = parseConfig(text, "main");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const options = { caps: { cpu: "1", memory: "1Gi" }, baseBranch: "main" };
const SERVICES =
  "version: 1\nservices:\n  web: {image: r.example/acme/web, resources: {memory: 512Mi}}\n  worker: {path: jobs, expose: false}\n";
const base = config(SERVICES);
const head = (text: string) => mergeHeadConfig(base, config(text), options);

test("a pull request changes port, health, command, variables and resources of its own preview", () => {
  const { config, ignored } = head(`version: 1
services:
  web:
    image: r.example/acme/web
    port: 3000
    health: /up
    command: [node, next.js]
    env: {FLAG: on}
    resources: {cpu: 500m, memory: 1Gi}
  worker: {path: jobs, expose: false}
`);
  expect(ignored).toEqual([]);
  expect(config).toEqual({
    ...base,
    services: [
      {
        ...base.services[0],
        port: 3000,
        health: "/up",
        command: ["node", "next.js"],
        env: { FLAG: "on" },
        resources: { cpu: "500m", memory: "1Gi" },
      },
      base.services[1],
    ],
  });
});

const later = (what: string): string =>
  `\`${what}\` is read from main; this pull request's change takes effect after the merge.`;

test.for<[change: string, said: readonly string[]]>([
  ["previews: {cap: 500}", [later("previews.cap")]],
  [
    "previews: {ttl: 90d, secrets: {from: production, keys: [KEY]}, forks: approve}",
    ["ttl", "secrets", "forks"].map((key) => later(`previews.${key}`)),
  ],
  ["previews: {when: {base: [main, next]}, host: 'x-{n}.{domain}'}", [later("previews.when"), later("previews.host")]],
  [
    "gate: {require: [lint], ignore: [test], quiet: 0s, noChecks: allow}",
    ["require", "ignore", "quiet", "noChecks"].map((key) => later(`gate.${key}`)),
  ],
  ["shared: [lib/**]", [later("shared")]],
  ["environments: {production: {from: main, namespace: shop}}", [later("environments.production")]],
])("%s takes effect after the merge", ([change, said]) => {
  const { config, ignored } = head(`${SERVICES}${change}\n`);
  expect(config).toEqual(base);
  expect(ignored).toEqual(said);
});

test("whose image runs, and from where, is not for a pull request to say", () => {
  const { config, ignored } = head(`version: 1
services:
  web: {image: evil.example/miner, tag: "x-{sha}", path: docs, replicas: 9, resources: {memory: 512Mi}}
  worker: {path: jobs}
`);
  expect(config).toEqual(base);
  expect(ignored).toEqual([
    ...["path", "image", "tag", "replicas"].map((key) => later(`services.web.${key}`)),
    later("services.worker.expose"),
  ]);
});

test("resources above the cap stay as they are, and the comment says so", () => {
  const { config, ignored } = head(`version: 1
services:
  web: {image: r.example/acme/web, resources: {cpu: 4, memory: 2Gi}}
  worker: {path: jobs, expose: false}
`);
  expect(config.services[0]?.resources).toEqual({ cpu: "100m", memory: "512Mi" });
  expect(ignored).toEqual([
    "`services.web.resources.cpu` is 4, more than the 1 a preview may have here; it keeps 100m.",
    "`services.web.resources.memory` is 2Gi, more than the 1Gi a preview may have here; it keeps 512Mi.",
  ]);
});

test("a service that only the pull request has waits for the merge, one it removes goes on", () => {
  const { config, ignored } = head(
    "version: 1\nservices:\n  web: {image: r.example/acme/web, resources: {memory: 512Mi}}\n  api: {}\n",
  );
  expect(config).toEqual(base);
  expect(ignored).toEqual([
    "The service `worker` is removed by this pull request; it is read from main, so that takes effect after the merge.",
    "The service `api` is new in this pull request; main does not know it, so it runs after the merge.",
  ]);
});

test("removing the file changes nothing before the merge", () => {
  expect(mergeHeadConfig(base, defaultConfig("main"), options)).toEqual({
    config: base,
    ignored: [
      "`.proa.yml` is removed by this pull request; it is read from main, so that takes effect after the merge.",
    ],
  });
});

test("a pull request that adds the file can already say how its service runs", () => {
  const added = config(
    "version: 1\nservices: {web: {port: 3000}}\nenvironments: {staging: {from: main, namespace: shop}}\n",
  );
  const { config: merged, ignored } = mergeHeadConfig(defaultConfig("main"), added, options);
  expect(merged.services[0]?.port).toBe(3000);
  expect(merged.environments).toEqual([]);
  expect(ignored).toEqual([later("environments.staging")]);
});
