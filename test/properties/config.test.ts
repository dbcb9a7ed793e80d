import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { ConfigProblem } from "../../src/core/config.ts";
import { parseConfig } from "../../src/core/config-parse.ts";
import { HOSTILE, hostileText, hostileValue, mutationOf, runs } from "./arbitrary.ts";

const whole = {
  version: 1,
  services: {
    web: {
      path: "apps/web",
      image: "registry.example/acme/shop-web",
      tag: "{sha}",
      port: 8080,
      health: "/healthz",
      command: ["node", "server.js"],
      replicas: 2,
      resources: { cpu: "100m", memory: "256Mi" },
      env: { LOG_LEVEL: "info" },
    },
    worker: { path: "apps/worker", image: "registry.example/acme/shop-worker", expose: false },
  },
  shared: ["packages/**"],
  gate: { require: ["test"], ignore: ["codecov/*"], quiet: "60s", noChecks: "wait", production: "auto" },
  deploy: { mode: "templates" },
  previews: {
    when: { base: ["main"], drafts: false, label: null },
    host: "pr-{n}-{repo}.{domain}",
    ttl: "14d",
    cap: 20,
    secrets: { from: "shop-preview-source", keys: ["DATABASE_URL"] },
    forks: "refuse",
  },
  environments: {
    staging: {
      from: "main",
      clusters: ["default"],
      namespace: "shop-staging",
      host: "staging.shop.example",
      bake: "2m",
    },
    production: { from: "staging", namespace: "shop", approve: { permission: "write", notAuthor: true } },
  },
};

/** One thing wrong somewhere in a whole file, written as YAML would write it. */
const changed = mutationOf(whole).map((value) => stringify(value ?? null));

/** The file's own text, with something that YAML gives a meaning to put anywhere into it. */
const SIGNS = [
  "&a ",
  "*a",
  "!!binary ",
  "<<: *a",
  "? ",
  "---\n",
  "...\n",
  "\t",
  "\r",
  "%TAG ! x\n",
  "| ",
  "{",
  "]",
  "\0",
];
const spoilt = fc
  .tuple(fc.nat(2_000), fc.oneof(fc.constantFrom<string>(...HOSTILE, ...SIGNS), hostileText))
  .map(([at, sign]) => {
    const text = stringify(whole);
    const position = at % text.length;
    return text.slice(0, position) + sign + text.slice(position);
  });

function problemsIn(text: string): readonly ConfigProblem[] {
  const parsed = parseConfig(text, "main");
  return "problems" in parsed ? parsed.problems : [];
}

/** What an annotation on GitHub would be refused for, or nobody could act on. */
function faults(text: string): string[] {
  const lines = text.split("\n").length;
  return problemsIn(text).flatMap((problem) => {
    const { line, message, remedy } = problem;
    const sound = Number.isInteger(line) && line >= 1 && line <= lines;
    const said = message.trim() !== "" && remedy.trim() !== "" && message.length + remedy.length < 1_000;
    // A control character or line end would leave the sentence it stands in.
    return sound && said && !/\p{Cc}/u.test(message + remedy) ? [] : [JSON.stringify(problem)];
  });
}

test("a file with something wrong anywhere is read, or refused with lines and remedies that can be shown", () => {
  fc.assert(
    fc.property(fc.oneof(changed, spoilt), (text) => {
      expect(faults(text)).toEqual([]);
    }),
    runs(600),
  );
});

test("a file of anything is read, or refused with lines and remedies that can be shown", () => {
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    hostileText,
    hostileValue.map((value) => stringify(value ?? null)),
    fc.array(fc.constantFrom<string>(...HOSTILE, ...SIGNS), { maxLength: 30 }).map((parts) => parts.join("\n")),
  );
  fc.assert(
    fc.property(anything, (text) => {
      expect(faults(text)).toEqual([]);
    }),
    runs(600),
  );
});

test("no key reaches a prototype", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    const text = `version: 1\nservices: {web: {env: {${name}: x}}}\n${name}: {polluted: 1}\n`;
    expect(problemsIn(text)).toEqual([expect.objectContaining({ line: 3 })]);
    const parsed = parseConfig(`version: 1\nservices: {web: {env: {${name}: x}}}\n`, "main");
    const [web] = "config" in parsed ? parsed.config.services : [];
    expect(Object.entries(web?.env ?? {})).toEqual([[name, "x"]]);
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
});

const many = (n: number, each: (i: number) => string): string => Array.from({ length: n }, (_, i) => each(i)).join("");

describe("a file made to cost time or room is refused with a few sentences:", () => {
  test.each<[title: string, text: string]>([
    ["16,000 keys", `{${many(16_000, (i) => `${i.toString(36)},`)}}`],
    ["14,000 variables", `version: 1\nservices: {web: {env: {${many(9_000, (i) => `A${i.toString(36)}: 1,`)}}}}`],
    [
      "2,200 environments of branches with like names",
      `version: 1\nenvironments:\n${many(2_200, (i) => ` en${i}: {from: mai${i}}\n`)}`,
    ],
    [
      "a chain of 1,700 environments",
      `version: 1\nenvironments: {${many(1_700, (i) => `e${i}: {from: e${i + 1}, namespace: n${i}},`)}}`,
    ],
    ["20,000 patterns", `version: 1\nshared: [${"'',".repeat(20_000)}]`],
    ["15,000 aliases", `a: &a [x]\nb: [${"*a,".repeat(15_000)}]`],
    ["a billion laughs", `a: &a [x]\n${many(9, (i) => `b${i}: &${i} [*${i || "a"},*${i || "a"}]\n`)}`],
    ["60,000 lists deep", "[".repeat(60_000)],
    ["30,000 closed lists deep", "[".repeat(30_000) + "]".repeat(30_000)],
    ["15,000 maps deep", "{a: ".repeat(15_000) + "}".repeat(15_000)],
    ["30,000 dashes deep", "- ".repeat(30_000)],
    ["15,000 tags", "!!a ".repeat(15_000)],
    ["15,000 documents", "---\n".repeat(15_000)],
    ["more than a file may be", `# ${"x".repeat(65_536)}`],
  ])("%s", (_, text) => {
    expect(faults(text)).toEqual([]);
    const problems = problemsIn(text);
    expect(problems.length).toBeGreaterThan(0);
    // As many as one request to GitHub carries; and what is kept of them fits beside everything else in a record.
    expect(problems.length).toBeLessThanOrEqual(50);
    expect(JSON.stringify(problems).length).toBeLessThan(50_000);
  });

  test.each([5, 12, 50, 200, 600, 1_200, 2_500, 5_000])("lists %i deep", (depth) => {
    const text = "[".repeat(depth) + "]".repeat(depth);
    expect(faults(text)).toEqual([]);
    expect(problemsIn(text).length).toBeGreaterThan(0);
  });
});

test("what a mistake costs to find does not grow faster than the file", () => {
  // Counted in problems looked at, not in time: past the limit nothing below is looked at, whatever there is.
  const environments = (n: number): string =>
    `version: 1\nenvironments:\n${many(n, (i) => ` en${i}: {from: mai${i}}\n`)}`;
  expect(problemsIn(environments(300))).toHaveLength(50);
  expect(problemsIn(environments(301))).toEqual([
    { line: 3, message: "this has 301 entries", remedy: "keep it to 300" },
  ]);
});
