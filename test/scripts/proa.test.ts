import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const script = fileURLToPath(new URL("../../scripts/proa.ts", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "proa-home-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** As somebody who has never used AWS on this machine, but for what is said. */
function proa(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const nobody = { PATH: process.env["PATH"] ?? "", HOME: home, AWS_EC2_METADATA_DISABLED: "true" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: home,
    encoding: "utf8",
    env: { ...nobody, ...env },
  });
  return { status, stdout, stderr };
}

test("without a command says which there are", () => {
  const { status, stdout } = proa([]);
  expect(stdout).toMatch(/deploy +create Proa's stack[^]*uninstall +remove Proa's stack/);
  expect(status).toBe(0);
});

test("a command that is none is named", () => {
  expect(proa(["dploy"])).toMatchObject({
    status: 2,
    stdout: expect.stringMatching(/^There is no command dploy\.\n\n/),
  });
});

test("a flag that nobody knows is named, and nothing is done", () => {
  expect(proa(["deploy", "--aply"])).toEqual({
    status: 2,
    stdout: "",
    stderr: expect.stringMatching(/^Unknown option '--aply'.*; --help shows what there is\n$/s),
  });
});

test("without a region, and without credentials, a sentence says what to do", () => {
  expect(proa(["deploy"])).toMatchObject({
    status: 1,
    stderr: "no AWS region is set: add --region eu-west-1, or set AWS_REGION\n",
  });
  expect(proa(["uninstall"], { AWS_REGION: "eu-west-1" })).toMatchObject({
    status: 1,
    stderr: "no AWS credentials were found: log in (aws sso login) or set AWS_PROFILE\n",
  });
});
