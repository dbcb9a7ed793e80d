import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));
const SOURCES = ["src", "functions", "local", "scripts", "test"].map((folder) => `${folder}/**/*.{ts,mjs,js,cjs}`);

/** The shop is a repository of its own that happens to be kept here. */
const files = globSync(SOURCES, { cwd: root })
  .filter((file) => !file.startsWith("local/seed/shop/"))
  .sort();
const text = (file: string): string => readFileSync(join(root, file), "utf8");
const lines = (found: readonly string[]): number =>
  found.reduce((sum, file) => sum + text(file).split("\n").length - 1, 0);
const offenders = (within: RegExp, pattern: RegExp): string[] =>
  files.filter((file) => within.test(file) && pattern.test(text(file)));

/** What a file imports: paths from the root for our own, names for packages. */
const IMPORT = /^(?:import|export)\b[^;"]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;
const imports = (file: string): string[] =>
  [...text(file).matchAll(IMPORT)].flatMap(([, from, effect, dynamic]) => {
    const name = from ?? effect ?? dynamic ?? "";
    return name.startsWith(".") ? [relative(root, resolve(root, dirname(file), name))] : [name];
  });

describe("imports point one way", () => {
  const isOwn = (name: string): boolean => /^(src|functions|local|scripts|test|bench)\//.test(name);
  const rows: [string, RegExp, (name: string) => boolean][] = [
    ["core: core and yaml", /^src\/core\//, (name) => name.startsWith("src/core/") || name === "yaml"],
    [
      "adapters: adapters and core",
      /^src\/adapters\//,
      (name) =>
        !isOwn(name) || /^src\/(core|adapters)\//.test(name) || name === "src/clock.ts" || name === "src/secret.ts",
    ],
    ["the shell: src", /^src\/[^/]+\.ts$/, (name) => !isOwn(name) || name.startsWith("src/")],
    [
      "the shell: no client of an outside system",
      /^src\/[^/]+\.ts$/,
      (name) => !/^(@octokit\/(?!webhooks)|@kubernetes\/|@aws-sdk\/)/.test(name),
    ],
    ["functions: the shell", /^functions\//, (name) => !isOwn(name) || name.startsWith("src/")],
    ["the local world: src and itself", /^local\//, (name) => !isOwn(name) || /^(src|local)\//.test(name)],
    ["scripts: no tests", /^scripts\//, (name) => !name.startsWith("test/")],
  ];
  test.each(rows)("%s", (_, within, allowed) => {
    const wrong = files
      .filter((file) => within.test(file))
      .flatMap((file) =>
        imports(file)
          .filter((name) => !allowed(name))
          .map((name) => `${file} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  test("every package that is imported is one that package.json names", () => {
    const { dependencies, devDependencies } = manifest;
    const shipped = Object.keys(dependencies);
    const known = [...shipped, ...Object.keys(devDependencies)];
    const wrong = files.flatMap((file) =>
      imports(file)
        .filter((name) => !isOwn(name) && !name.startsWith("node:"))
        .map((name) =>
          name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        // Types alone: `@types/aws-lambda` has no code.
        .filter((name) => name !== "aws-lambda")
        .filter((name) => !(/^(src|functions)\//.test(file) ? shipped : known).includes(name))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

test("the local world stays smaller than what it is a world for", () => {
  const local = globSync("local/**/*.{ts,js,cjs,html,css}", { cwd: root }).filter(
    (file) => !file.startsWith("local/seed/shop/"),
  );
  expect(lines(local)).toBeLessThan(lines(files.filter((file) => file.startsWith("src/"))));
});

test("no file is longer than what can be read in one go", () => {
  expect(files.filter((file) => /^(src|functions|scripts|local)\//.test(file) && lines([file]) > 500)).toEqual([]);
});

test("every listener binds this machine's own address unless it is told otherwise", () => {
  const calls = files
    .filter((file) => /^(local|src|functions|scripts)\//.test(file))
    .flatMap((file) => [...text(file).matchAll(/\.listen\([^\n]*/g)].map(([call]) => `${file}: ${call}`));
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((call) => !/\.listen\([^,]+, "127\.0\.0\.1"/.test(call))).toEqual([]);
});

test("the environment is read where a process begins, and nowhere else", () => {
  const allowed = /^(functions\/[a-z]+\.ts|local\/main\.ts|local\/cluster\/container\.ts|scripts\/.+|test\/.+)$/;
  expect(offenders(/./, /\bprocess\.env\b/).filter((file) => !allowed.test(file))).toEqual([]);
});

test("nothing has a default export", () => {
  expect(offenders(/\.(ts|mjs)$/, /^export default\b/m)).toEqual([]);
});

test("time comes from the injected clock", () => {
  expect(offenders(/^src\/(?!clock\.ts)/, /\bDate\.now\(|\bnew Date\(\)/)).toEqual([]);
});

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(text("package.json")) as Manifest;

describe("what is installed is exactly what was tested", () => {
  test("package.json names versions, not ranges", () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("the lockfile has a hash for every package, and leaves the registry to whoever installs", () => {
    const { packages } = JSON.parse(text("package-lock.json")) as {
      packages: Record<string, { integrity?: string; resolved?: string; inBundle?: boolean }>;
    };
    const installed = Object.entries(packages).filter(([path, { inBundle }]) => path !== "" && inBundle !== true);
    expect(
      installed.filter(([, { integrity }]) => integrity?.startsWith("sha512-") !== true).map(([path]) => path),
    ).toEqual([]);
    expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });
});
