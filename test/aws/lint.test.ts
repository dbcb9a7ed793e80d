import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { pythonWithPackages } from "./python.ts";
import { CHECKOUT } from "./stack.ts";

test("cfn-lint finds nothing wrong with the templates", async () => {
  const { command, env } = await pythonWithPackages();
  const templates = readdirSync(join(CHECKOUT, "infra")).filter((name) => name.endsWith(".yaml"));
  const args = [
    "-c",
    "import sys; from cfnlint.runner import main; sys.exit(main())",
    ...templates.map((name) => join("infra", name)),
  ];
  const said = await promisify(execFile)(command, args, { cwd: CHECKOUT, env: { ...process.env, ...env } }).then(
    ({ stdout }) => stdout,
    (error: unknown) => `${(error as { stdout?: string }).stdout}\n${String(error)}`,
  );
  expect(said).toBe("");
});
