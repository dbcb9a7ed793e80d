import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseOptionsFile } from "../../scripts/deploy/options.ts";
import { APP_PERMISSIONS } from "../../scripts/setup/manifest.ts";
import { parseConfig } from "../../src/core/config-parse.ts";

const page = readFileSync(new URL("../../docs/install.md", import.meta.url), "utf8");
const [deployFile = "", config = "", environments = ""] = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(
  ([, text = ""]) => text,
);

test("the deploy file of docs/install.md is one that npm run deploy takes", () => {
  const { region, parameters } = parseOptionsFile(deployFile, "docs/install.md");
  expect(region).toBe("eu-west-1");
  expect(Object.keys(parameters)).toEqual(["Clusters", "Images", "DefaultImage", "Domain"]);
});

test("its .proa.yml is one that Proa takes, with and without the environment", () => {
  expect(parseConfig(config, "main")).not.toHaveProperty("problems");
  expect(parseConfig(`${config}${environments}`, "main")).not.toHaveProperty("problems");
});

test("it explains every permission that the App asks for", () => {
  const rows = page.split("\n").filter((line) => /: (read|write) \|/.test(line));
  const explained = rows.flatMap((row) => {
    const [, names = "", level = ""] = /^\| ([a-z, ]+): (read|write) \|/.exec(row) ?? [];
    return names.split(", ").map((name) => `${name.replaceAll(" ", "_")}: ${level}`);
  });
  expect(explained.sort()).toEqual(
    Object.entries(APP_PERMISSIONS)
      .map(([name, level]) => `${name}: ${level}`)
      .sort(),
  );
});
