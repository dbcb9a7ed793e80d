import { expect, test } from "vitest";
import { changedServices } from "../../src/core/changes.ts";
import { globMistake, matchesGlob } from "../../src/core/config-glob.ts";
import { defaultConfig, defaultService } from "../../src/core/config-defaults.ts";

const config = {
  ...defaultConfig("main"),
  services: [
    { ...defaultService("web"), path: "apps/web" },
    { ...defaultService("worker"), path: "apps/worker" },
  ],
  shared: ["packages/**", "*.lock", "apps/*/shared.json"],
};

test.for<[why: string, files: readonly string[], changed: readonly string[]]>([
  ["a file below a service's folder", ["apps/web/src/index.ts"], ["web"]],
  ["the folder's name as a file", ["apps/web"], ["web"]],
  ["a neighbour whose name only begins the same", ["apps/web-admin/index.ts"], []],
  ["a file of no service", ["README.md", "docs/a.md"], []],
  ["both folders", ["apps/worker/a", "apps/web/b"], ["web", "worker"]],
  ["a file of a shared tree", ["packages/ui/src/button.ts"], ["web", "worker"]],
  ["a shared file at the root", ["yarn.lock"], ["web", "worker"]],
  ["such a file elsewhere", ["docs/yarn.lock"], []],
  ["a shared pattern in between", ["apps/web/shared.json"], ["web", "worker"]],
  ["the configuration", [".proa.yml"], ["web", "worker"]],
  ["another file of that name", ["docs/.proa.yml"], []],
  ["nothing at all", [], []],
])("%s", ([, files, changed]) => {
  expect([...changedServices(config, { files, complete: true })]).toEqual(changed);
});

test("a list that GitHub cut touches every service", () => {
  expect([...changedServices(config, { files: ["docs/a.md"], complete: false })]).toEqual(["web", "worker"]);
});

test("a service that is the whole repository is touched by every file", () => {
  expect([...changedServices(defaultConfig("main"), { files: ["docs/a.md"], complete: true })]).toEqual(["web"]);
});

test.for<[glob: string, path: string, matches: boolean]>([
  ["packages/**", "packages/a/b", true],
  ["packages/**", "packages", true],
  ["packages/**", "packages2/a", false],
  ["**/*.sql", "a.sql", true],
  ["**/*.sql", "db/x/a.sql", true],
  ["**/test/**/*.ts", "a/test/b/c.ts", true],
  ["**/test/**/*.ts", "a/b/c.ts", false],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["*", "a/b", false],
  ["**", "a/b", true],
  ["a.b", "axb", false],
])("%s and %s: %s", ([glob, path, matches]) => {
  expect(matchesGlob(glob, path)).toBe(matches);
});

test("a pattern made to explode does not", () => {
  const path = `${"a/".repeat(200)}${"a".repeat(2000)}`;
  expect(matchesGlob(`${"**/*a*a*a*/".repeat(30)}b`, path)).toBe(false);
});

test.for(["packages/**", "*.lock", "a/b/c.json", "**/x?.ts", "with space/*"])("%s is a pattern", (glob) => {
  expect(globMistake(glob)).toBeNull();
});
