import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Variant, variants } from "../seed/variants.ts";

export interface VersionPush {
  readonly gitUrl: string;
  readonly token: string;
  /** null: a new branch off the default one. */
  readonly branch: string | null;
  readonly variant: Variant;
}

export const TITLES: Readonly<Record<Variant, string>> = {
  good: "is good",
  "failing-test": "rounds its prices, which a test forbids",
  crashing: "crashes when it starts",
  "never-ready": "never gets ready",
  "slow-start": "takes its time to start",
};

const run = promisify(execFile);

/**
 * One version in one commit, with git, as a developer would: GitHub's contents API makes a commit and a push for every file.
 * A branch that fell behind is first brought up to date, so that it can be merged.
 */
export async function pushVersion({
  gitUrl,
  token,
  branch,
  variant,
}: VersionPush): Promise<{ branch: string; title: string }> {
  const dir = await mkdtemp(join(tmpdir(), "proa-push-"));
  const identity = ["user.name=maintainer", "user.email=maintainer@users.noreply.localhost", "commit.gpgSign=false"];
  const header = `http.extraHeader=Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  const git = async (...args: string[]): Promise<string> => {
    const settings = [...identity, header].flatMap((setting) => ["-c", setting]);
    return (await run("git", [...settings, ...args], { cwd: dir })).stdout.trim();
  };
  try {
    await git("clone", "--quiet", gitUrl, ".");
    // Grows with every push to any branch, so no two versions share a number.
    const n = Number(await git("rev-list", "--all", "--count"));
    const on = branch ?? `version-${n}`;
    await git("checkout", "--quiet", ...(branch === null ? ["-b", on] : [on]));
    if (branch !== null) await git("merge", "--quiet", "--no-commit", "--no-ff", "-X", "ours", "origin/HEAD");
    for (const [path, text] of Object.entries(variants[variant](n))) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    }
    const title = `Version 1.${n}.0 ${TITLES[variant]}`;
    await git("add", "--all");
    await git("commit", "--quiet", "--message", variant === "good" ? `Version 1.${n}.0` : title);
    await git("push", "--quiet", "origin", `HEAD:refs/heads/${on}`);
    return { branch: on, title: variant === "good" ? `Version 1.${n}.0` : title };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
