import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RepoConfig } from "../../src/core/config.ts";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import { parseConfig } from "../../src/core/config-parse.ts";

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/config/${name}.proa.yml`, import.meta.url), "utf8");

function parsed(text: string): RepoConfig {
  const result = parseConfig(text, "main");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.config;
}

function problems(text: string) {
  const result = parseConfig(text, "main");
  return "problems" in result ? result.problems : [];
}

test("a file that says nothing has the values of no file at all", () => {
  expect(parsed("version: 1\n")).toEqual({ ...defaultConfig("main"), source: "file" });
});

test("previews are for the default branch where the file names none", () => {
  const result = parseConfig("version: 1\n", "trunk");
  expect(result).toMatchObject({ config: { previews: { when: { base: ["trunk"] } } } });
});

test("a small file is read with the rest filled in", () => {
  const config = parsed(fixture("shop"));
  expect(config.services).toEqual([
    { ...defaultConfig("main").services[0], image: "127.0.0.1:5000/acme/shop", health: "/healthz" },
  ]);
  expect(config.environments).toEqual([
    {
      name: "staging",
      from: { kind: "branch", branch: "main" },
      clusters: ["default"],
      namespace: "shop-staging",
      host: "staging.shop.localhost",
      bakeMs: 3000,
      approve: null,
      deadlineMs: 600_000,
      rollback: "auto",
    },
    {
      name: "production",
      from: { kind: "environment", environment: "staging" },
      clusters: ["default"],
      namespace: "shop",
      host: "shop.localhost",
      bakeMs: 3000,
      approve: null,
      deadlineMs: 600_000,
      rollback: "auto",
    },
  ]);
});

describe("a larger file", () => {
  const config = parsed(fixture("monorepo"));

  test("keeps variables as they were written", () => {
    expect(config.services[0]?.env).toEqual({ LOG_LEVEL: "info", VERSION: "1.10", DEBUG: "true" });
    expect(config.services[2]?.command).toEqual(["node", "worker.js", "--threads", "2"]);
  });

  test("takes an environment's own name for a branch, and another's for that environment", () => {
    expect(config.environments.map(({ from }) => from)).toEqual([
      { kind: "branch", branch: "staging" },
      { kind: "environment", environment: "staging" },
    ]);
  });

  test("lets two services share an image when their commands differ", () => {
    expect(config.services[0]?.image).toBe(config.services[2]?.image);
  });

  test("gives an approval without more words the strict form", () => {
    expect(config.environments[1]?.approve).toEqual({ permission: "write", notAuthor: true });
  });
});

test("patch mode names a workload for each service", () => {
  expect(
    parsed("version: 1\ndeploy: {mode: patch, workloads: {web: {deployment: shop, container: app}}}\n").deploy,
  ).toEqual({
    kind: "patch",
    workloads: { web: { deployment: "shop", container: "app" } },
  });
});

const service = (...lines: readonly string[]): string =>
  ["version: 1", "services:", "  web:", ...lines.map((line) => `    ${line}`)].join("\n");
const environments = (...lines: readonly string[]): string =>
  ["version: 1", "environments:", ...lines.map((line) => `  ${line}`)].join("\n");
const previews = (line: string): string => `version: 1\npreviews:\n  ${line}\n`;
const long = "x".repeat(64);

test.for<[text: string, line: number, message: string, remedy: string]>([
  // The file as such
  ["", 1, "`.proa.yml` has no `version`", "begin the file with `version: 1`"],
  ["# nothing yet\n", 1, "has no `version`", "begin the file"],
  ["version: 2\n", 1, "`version` is not 1", "write `version: 1`"],
  ["- version: 1\n", 1, "`.proa.yml` is a list, not a map", "write `key: value` lines"],
  ["hello\n", 1, '`.proa.yml` is "hello", not a map', "write `key: value` lines"],
  ["version: 1\n---\nversion: 1\n", 3, "a second YAML document", "keep one document"],
  ["version: 1\nservices:\n\tweb: {}\n", 3, "not valid YAML: Tabs", "indent with spaces"],
  ["version: 1\nshared: [a\n", 2, "not valid YAML", "check the indentation"],
  ["version: 1\nshared: 'a\n", 2, "not valid YAML", "close the quote"],
  ["version: 1\nshared: [!glob a]\n", 2, "Unresolved tag", "remove the `!tag`"],
  ["version: 1\nshared: &all [a]\n\ngate:\n  require: *all\n", 5, "`*all` refers to an anchor", "write the value out"],
  [
    "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\nversion: 1\n",
    2,
    "anchors and aliases are not read",
    "write the value out",
  ],
  ["version: 1\n? [a]\n: b\n", 2, "a key is not a plain word", "write `key: value`"],
  ["version: 1\nshared: []\nversion: 1\n", 3, "`version` is written twice, first on line 1", "keep one"],
  ["version: 1\nprevews:\n  cap: 3\n", 2, "`prevews` is not a key that Proa knows", "did you mean `previews`?"],
  ["version: 1\ncron: {}\n", 2, "`cron` is not a key", "the keys here are `deploy`, `environments`"],

  // Services
  ["version: 1\nservices: {}\n", 2, "`services` names no service", "leave `services` out"],
  ["version: 1\nservices: [web]\n", 2, "`services` is a list, not a map", "write `key: value` lines"],
  ["version: 1\nservices: {Web: {}}\n", 2, '`services.Web` is "Web", not a service\'s name', "lower-case"],
  [service("replica: 2"), 4, "`services.web.replica` is not a key", "did you mean `replicas`?"],
  [service("prot: 8080"), 4, "`services.web.prot` is not a key", "did you mean `port`?"],
  [service("port: 80800"), 4, "is 80800, not a whole number from 1 to 65535", "from 1 to 65535"],
  [service('port: "8080"'), 4, 'is "8080", not a whole number', "without quotes"],
  [service("port:"), 4, "`services.web.port` has no value", "write a whole number"],
  [service("replicas: 0"), 4, "is 0, not a whole number from 1", "from 1 to 100"],
  [service("path: /apps/web"), 4, '"/apps/web", not a folder', "no leading `/`"],
  [service("path: apps/../../etc"), 4, "not a folder", "no `..`"],
  [service("path: apps/web/"), 4, "not a folder", "remove the `/` at the end"],
  [service("image: registry.example/acme/web:latest"), 4, "not an image's repository", "remove the tag"],
  [
    service(`image: registry.example/acme/web@sha256:${"0".repeat(64)}`),
    4,
    "not an image's repository",
    "remove the digest",
  ],
  [service("image: https://registry.example/acme/web"), 4, "not an image's repository", "remove the scheme"],
  [service("image: acme/web"), 4, "not an image's repository", "with its registry's host"],
  [service("tag: latest"), 4, "not a tag with `{sha}`", "write `{sha}`"],
  [service('tag: "{sha}/{sha}"'), 4, "not a tag with `{sha}`", "use letters"],
  [service("health: healthz"), 4, '"healthz", not a path', "begin with `/`"],
  [service("health: http://localhost/healthz"), 4, "not a path", "write the path only"],
  [service("command: node server.js"), 4, "is one text, not a list of words", "write `[node, server.js]`"],
  [service("command: []"), 4, "is an empty list", "leave it out"],
  [service("env: [A=1]"), 4, "`services.web.env` is a list, not a map", "write `key: value`"],
  [service("env: {PORT: 3000}"), 4, "`services.web.env.PORT`", "set `port`"],
  [service("env:", "  2ND: x"), 5, "not a name for a variable", "not beginning with a digit"],
  [service("env: {LOG_LEVEL: }"), 4, "`services.web.env.LOG_LEVEL` has no value", '`""` for an empty value'],
  [service("env: {LOG_LEVEL: [a]}"), 4, "is a list, not a variable's value", "write text"],
  [service("resources: {memory: 256m}"), 4, '"256m", not an amount of memory', "did you mean `256Mi`?"],
  [service("resources: {memory: 512}"), 4, "is 512, not an amount of memory", "did you mean `512Mi`?"],
  [service("resources: {cpu: lots}"), 4, '"lots", not an amount of CPU', "such as `250m`"],
  [service("resources: {cpu: 0}"), 4, "not an amount of CPU", "at least `1m`"],
  [service("expose: no"), 4, '"no", not true or false', "without quotes"],
  [
    service("expose: false", "health: /healthz"),
    5,
    "`services.web.health` says nothing while `expose` is false",
    "remove `health`",
  ],
  [
    "version: 1\nservices:\n  web: {image: r.example/a/b}\n  api:\n    port: 1\n    image: r.example/a/b\n",
    6,
    "`services.api.image` and `command` are the same as those of `web`",
    "a `command` of its own",
  ],

  // shared, gate, deploy
  ["version: 1\nshared: packages/**\n", 2, '`shared` is "packages/**", not a list', "- item"],
  ["version: 1\nshared:\n  - a\n  - packages/\n", 4, "`shared[1]`", "`packages/**` for everything below"],
  ["version: 1\nshared: ['src/{a,b}']\n", 2, "not a pattern that Proa reads", "two entries instead of braces"],
  ["version: 1\nshared: [/etc/**]\n", 2, "not a pattern", "without a leading `/`"],
  ["version: 1\nshared: [../other]\n", 2, "not a pattern", "without `.` and `..`"],
  ["version: 1\nshared: [packages/**.json]\n", 2, "not a pattern", "let `**` stand alone"],
  ["version: 1\ngate: {quiet: 60}\n", 2, "`gate.quiet` is 60, not a duration", "such as `60s` or `60m`"],
  ["version: 1\ngate: {quiet: 1.5h}\n", 2, "not a duration", "such as `90s`"],
  ["version: 1\ngate: {quiet: 3d}\n", 2, 'is "3d", which is not of at most `1h`', "of at most `1h`"],
  ["version: 1\ngate: {require: [proa/preview]}\n", 2, "`gate.require[0]`", "Proa would wait for its own result"],
  ["version: 1\ngate: {noChecks: alow}\n", 2, "not one of `wait`, `allow`", "did you mean `allow`?"],
  ["version: 1\ngate: {production: never}\n", 2, "not one of `auto`", "write `auto` or `push-checks`"],
  [
    "version: 1\ndeploy:\n  mode: manifests\n  dir: k8s\n",
    3,
    "`manifests`, which is not supported yet",
    "use `templates` or `patch`",
  ],
  ["version: 1\ndeploy: {mode: patch}\n", 2, "`deploy` has no `workloads`", "one entry per service"],
  [
    "version: 1\ndeploy:\n  mode: patch\n  workloads:\n    web: {deployment: web, container: app}\n    wrker: {deployment: w, container: app}\n",
    6,
    "`deploy.workloads.wrker` is not one of `services`",
    "or remove this entry",
  ],
  [
    "version: 1\nservices: {web: {}, api: {}}\ndeploy:\n  mode: patch\n  workloads:\n    web: {deployment: web, container: app}\n",
    6,
    "says nothing about the service `api`",
    "add `api: {deployment",
  ],

  // previews
  [previews("cap: many"), 3, '`previews.cap` is "many", not a whole number from 1 to 1000', "from 1 to 1000"],
  [previews("ttl: 14"), 3, "`previews.ttl` is 14, not a duration", "`14s` or `14m`"],
  [previews("ttl: 0s"), 3, "which is not from `1m` to `365d`", "from `1m` to `365d`"],
  [previews('host: "preview-{repo}.{domain}"'), 3, "not a pattern for a preview's host", "put `{n}`"],
  [previews('host: "pr-{n}.{cluster}"'), 3, "not a pattern for a preview's host", "use only the placeholders"],
  [previews(`host: "pr-{n}-${long}.{domain}"`), 3, "not a pattern for a preview's host", "at most 63 characters"],
  [previews('host: "pr-{n}.shop.example"'), 3, "not a pattern for a preview's host", "end it with `.{domain}`"],
  [previews('host: "{n}{domain}"'), 3, "not a pattern for a preview's host", "end it with `.{domain}`"],
  [previews('host: "https://pr-{n}.{domain}"'), 3, "not a pattern for a preview's host", "without scheme"],
  [previews("when: {drafts: yes}"), 3, '`previews.when.drafts` is "yes", not true or false', "write `true` or `false`"],
  [previews("when: {base: []}"), 3, "so no pull request gets a preview", "leave it out for the default branch"],
  [previews('when: {base: ["release/*"]}'), 3, "not a branch's name", "patterns are not read here"],
  [previews("secrets: {from: shop}"), 3, "`previews.secrets` has no `keys`", "list the keys"],
  [previews("secrets: {from: shop, keys: [database-url]}"), 3, "`previews.secrets.keys[0]`", "use letters, digits"],
  [previews("forks: allow"), 3, "not one of `refuse`, `approve`", "write `refuse` or `approve`"],

  // environments
  [environments("staging: {namespace: shop}"), 3, "`environments.staging` has no `from`", "such as `from: main`"],
  [environments("staging: {from: main}"), 3, "has no `namespace`", "this repository's label"],
  [environments("preview: {from: main, namespace: shop}"), 3, "not an environment's name", "choose another name"],
  [
    environments("staging: {from: main, namespace: kube-system}"),
    3,
    '"kube-system", not a namespace',
    "belongs to the cluster",
  ],
  [environments("staging: {from: main, namespace: Shop}"), 3, "not a namespace", "lower-case"],
  [environments("staging: {from: main, namespace: shop, bake: 8d}"), 3, "not of at most `7d`", "of at most `7d`"],
  [environments("staging: {from: main, namespace: shop, deadline: 1s}"), 3, "not from `10s` to `24h`", "from `10s`"],
  [
    environments("staging: {from: main, namespace: shop, host: https://shop.example}"),
    3,
    "not a host name",
    "without scheme",
  ],
  [environments(`staging: {from: main, namespace: shop, host: ${long}.example}`), 3, "not a host name", "at most 63"],
  [environments("staging: {from: main, namespace: shop, clusters: []}"), 3, "is an empty list", "for `default`"],
  [environments("staging: {from: main, namespace: shop, clusters: [a, a]}"), 3, "names a cluster twice", "once"],
  [
    environments("staging: {from: main, namespace: shop, approve: {permission: owner}}"),
    3,
    "not one of `read`",
    "`maintain` or `admin`",
  ],
  [
    environments("staging: {from: main, namespace: shop, approve: true}"),
    3,
    "is true, not a map",
    "write `key: value`",
  ],
  [
    environments("staging: {from: main, namespace: a}", "production: {from: stagin, namespace: b}"),
    4,
    '"stagin", no environment\'s name',
    "did you mean `staging`? For a branch of this name write `{branch: stagin}`",
  ],
  [
    environments("staging: {from: main, namespace: a}", "production: {from: {environment: qa}, namespace: b}"),
    4,
    "`environments.production.from.environment`",
    "name another key of `environments`",
  ],
  [
    environments("a: {from: {branch: x, environment: b}, namespace: a}", "b: {from: main, namespace: b}"),
    3,
    "names not exactly one source",
    "write `{branch: main}`",
  ],
  [
    environments(
      "blue: {from: main, namespace: z}",
      "one: {from: two, namespace: a}",
      "two:",
      "  namespace: b",
      "  from: one",
    ),
    4,
    "goes round in a circle: `one` from `two` from `one`",
    "let one of them follow a branch",
  ],
  [
    environments("one: {from: main, namespace: shop}", "two:", "  from: next", "  namespace: shop"),
    6,
    '`environments.two.namespace` is "shop", which `one` has on the same cluster',
    "a namespace of its own",
  ],
  [
    environments(
      "one: {from: main, namespace: a, host: shop.example}",
      "two: {from: next, namespace: b, host: shop.example}",
    ),
    4,
    "`environments.two.host`",
    "a host of its own",
  ],
])("%j: line %i, %s", ([text, line, message, remedy]) => {
  expect(problems(text)).toContainEqual({
    line,
    message: expect.stringContaining(message),
    remedy: expect.stringContaining(remedy),
  });
});

test("a file made to exhaust the parser is refused", () => {
  const nested = problems(`version: 1\nshared: ${"[".repeat(20_000)}\n`);
  expect(nested).toEqual([
    {
      line: 2,
      message: expect.stringContaining("not valid YAML"),
      remedy: expect.stringContaining("nest less deeply"),
    },
  ]);
  const large = problems(`version: 1\n# ${"x".repeat(70_000)}\n`);
  expect(large).toEqual([{ line: 1, message: "the file has 70014 characters", remedy: "keep it under 65536" }]);
});

test("all mistakes come at once, in the order of the file", () => {
  const text =
    "version: 1\nservices:\n  web:\n    port: 0\n    nmae: x\npreviews: {cap: 0}\nenvironments:\n  preview: {}\n";
  expect(problems(text).map(({ line }) => line)).toEqual([4, 5, 6, 8, 8, 8]);
});

test("a mode that is not supported yet does not make its other keys mistakes", () => {
  expect(problems("version: 1\ndeploy: {mode: manifests, dir: k8s, images: [a]}\n")).toHaveLength(1);
});

test("what the author wrote cannot break the line or the Markdown it is shown in", () => {
  const [problem] = problems('version: 1\n"`@all`\\n## News": 1\n');
  expect(problem?.message).toBe("`@all ## News` is not a key that Proa knows");
});

test("whatever the file holds, it is read or refused with a line of it and a remedy", () => {
  const words =
    "version services web port env gate previews host ttl environments from namespace staging main 1 -1 2m ~ true __proto__ constructor";
  const signs = [
    "{n}",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\t",
    "&a ",
    "*a",
    "!t ",
    "'",
    '"',
    "|\n",
    "#",
    "---\n",
    "...\n",
    "? ",
    ",",
    "%YAML 1.1\n",
  ];
  const breaks = ["\n", "\n  ", "\n    ", "\r\n", "\u2028"];
  const word = fc.constantFrom(...words.split(" "), ...signs, ...breaks);
  const text = fc.oneof(
    fc.array(word, { maxLength: 40 }).map((words) => words.join("")),
    fc.array(word, { maxLength: 40 }).map((words) => `version: 1\n${words.join("")}`),
    fc.json().map((json) => `version: 1\nservices: ${json}\nenvironments: ${json}\n`),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(text, (file) => {
      const lines = file.split("\n").length;
      for (const { line, message, remedy } of problems(file)) {
        expect(Number.isInteger(line) && line >= 1 && line <= lines).toBe(true);
        expect(message).not.toBe("");
        expect(remedy).not.toBe("");
      }
    }),
    { numRuns: 1000 },
  );
});
