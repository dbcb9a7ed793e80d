import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { defaultConfig } from "../../src/core/config-defaults.ts";
import { parseConfig } from "../../src/core/config-parse.ts";

const page = readFileSync(new URL("../../docs/proa-yml.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text);
const [everything = "", defaults = "", patch = ""] = examples;

test("every example of the reference is a valid file", () => {
  expect(examples).toHaveLength(3);
  for (const example of examples) expect(parseConfig(example, "main")).not.toHaveProperty("problems");
});

test("the defaults it shows are the defaults", () => {
  expect(parseConfig(defaults, "main")).toEqual({ config: { ...defaultConfig("main"), source: "file" } });
});

test("the full example leaves no key out", () => {
  const result = parseConfig(everything, "main");
  if ("problems" in result) throw new Error("see above");
  const { config } = result;
  const [web] = config.services;
  const keys = Object.keys(web ?? {}).filter((key) => key !== "name");
  for (const key of keys) expect(everything).toContain(`    ${key}: `);
  expect(config.environments.map(({ from }) => from.kind)).toEqual(["branch", "environment"]);
  expect(config.environments[1]).toMatchObject({
    approve: { permission: "write", notAuthor: true },
    deadlineMs: 600_000,
  });
  expect(config.previews.secrets).toEqual({ from: "shop-preview-source", keys: ["DATABASE_URL"] });
});

test("its patch mode names the Deployment", () => {
  expect(parseConfig(patch, "main")).toMatchObject({
    config: { deploy: { kind: "patch", workloads: { web: { deployment: "shop-web", container: "app" } } } },
  });
});
