import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { APP_ID, createWorld } from "../../local/world.ts";
import { Secret } from "../../src/secret.ts";
import { runChecks } from "./check.ts";
import { githubChecks } from "./checks-github.ts";
import { enterGitHub, MARKER } from "./github-world.ts";

const TOKEN = "owner-token-of-this-test";
/** These take a GitHub that runs Actions, or that has environments to delete. */
const ELSEWHERE = ["environment deletion", "head of Actions", "latest check runs"];

test("the checks of GitHub run on the local one and leave nothing behind; what is not given over to them is not touched", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "proa-live-"));
  const people = [{ login: "root", permission: "admin", token: TOKEN }] as const;
  const world = await createWorld({ dir, port: 0, env: {}, log: () => {}, people });
  t.onTestFinished(async () => {
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await world.github.createRepository({ owner: "acme", name: "live", files: { [MARKER]: "" } });
  const access = {
    apiUrl: `${world.url}/api/v3`,
    appId: APP_ID,
    privateKey: new Secret(world.secrets.appKey),
    token: new Secret(TOKEN),
  };
  await expect(enterGitHub({ ...access, repository: "acme/shop" })).rejects.toThrow(`holds no file ${MARKER}`);

  const sandbox = await enterGitHub({ ...access, repository: "acme/live" }, { withinMs: 20_000, everyMs: 20 });
  const checks = githubChecks.filter((check) => !ELSEWHERE.includes(check.name));
  const told = await runChecks(checks, sandbox, () => undefined);
  await sandbox.close();
  expect(told.map(({ name, finding }) => `${name}: ${finding.kind}`)).toEqual([
    "app permissions: as assumed",
    // The stand-in does not know this rule, which the check notices before it concludes anything.
    "required deployments: not told",
    "classic protection: as assumed",
    "required workflow: not told",
    "merge groups: not told",
    "redelivery window: as assumed",
    "check run limits: as assumed",
    "own comments: as assumed",
    "comment events: as assumed",
  ]);
  const list = async (what: string): Promise<unknown> =>
    (await fetch(`${access.apiUrl}/repos/acme/live/${what}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json();
  expect(await list("pulls?state=open")).toEqual([]);
  expect(await list("rulesets")).toEqual([]);
  expect(await list("branches")).toMatchObject([{ name: "main", protected: false }]);
});
