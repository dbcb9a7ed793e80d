import { randomBytes } from "node:crypto";
import { createAppCredentials } from "../../src/adapters/github-credentials.ts";
import { createGitHubClient } from "../../src/adapters/github-client.ts";
import type { Field } from "../../src/adapters/github-field.ts";
import { createGitHubHttp, createOctokit, type GitHubHttp } from "../../src/adapters/github-http.ts";
import type { GitHub } from "../../src/adapters/github.ts";
import { systemClock } from "../../src/clock.ts";
import { parseRepoName, type RepoName } from "../../src/core/names.ts";
import type { Secret } from "../../src/secret.ts";
import { type AppAdmin, createAppAdmin } from "../../scripts/installation/github-app.ts";
import { Stop } from "../../scripts/installation/stop.ts";

export interface GitHubAccess {
  readonly apiUrl: string;
  readonly appId: number;
  readonly privateKey: Secret;
  /** `owner/name`, given over to these checks. */
  readonly repository: string;
  /** Of somebody who administers it. */
  readonly token: Secret;
}

/** A repository that holds this file is given over to these checks; no other is touched. */
export const MARKER = ".proa-live-test";

export interface GitHubWorld {
  readonly repo: RepoName;
  readonly at: { readonly owner: string; readonly repo: string };
  readonly appSlug: string;
  readonly admin: AppAdmin;
  /** As the App, with the permissions of Proa's own tokens. */
  readonly asApp: GitHubHttp;
  readonly client: GitHub;
  readonly asPerson: GitHubHttp;
  /** A branch of this run's own, and a pull request into it. */
  readonly base: string;
  readonly pull: { readonly number: number; readonly sha: string };
  /** Stands in every name that this run makes. */
  readonly run: string;
  /** How long GitHub may take for what it does behind a request. */
  readonly patience: Patience;
  close(): Promise<void>;
}

export interface Patience {
  readonly withinMs: number;
  readonly everyMs: number;
}

export const nothing = (): void => undefined;
export const idOf = (reply: Field): number => reply.at("id").integer();

/** Makes two branches and a pull request, which `close` takes away again. */
export async function enterGitHub(
  access: GitHubAccess,
  patience: Patience = { withinMs: 120_000, everyMs: 3_000 },
): Promise<GitHubWorld> {
  const repo = parseRepoName(access.repository);
  if (repo === null) throw new Stop(`PROA_LIVE_REPOSITORY is "${access.repository}": write owner/name`);
  const [owner = "", name = ""] = repo.split("/");
  const at = { owner, repo: name };
  const octokit = createOctokit({ apiUrl: access.apiUrl, userAgent: "proa-live", clock: systemClock });
  const token = access.token.reveal();
  const asPerson = createGitHubHttp(octokit, { token: async () => token, refused: nothing }, systemClock);
  const marker = await asPerson.get("GET /repos/{owner}/{repo}/contents/{path}", { ...at, path: MARKER }, nothing);
  if (marker === null)
    throw new Stop(`${repo} holds no file ${MARKER}: only a repository that is given over to these checks is touched`);

  const credentials = createAppCredentials({ ...access, clock: systemClock }, octokit);
  const jwt = createGitHubHttp(octokit, credentials.app, systemClock);
  const installation = await jwt.send("GET /repos/{owner}/{repo}/installation", at, idOf);
  const asApp = createGitHubHttp(octokit, credentials.installation(installation), systemClock);
  const admin = createAppAdmin(access);
  const { slug } = await admin.app();

  const run = `proa-live-${randomBytes(3).toString("hex")}`;
  const base = `${run}-base`;
  const tip = await asPerson.send("GET /repos/{owner}/{repo}/branches/main", at, (reply) =>
    reply.at("commit").at("sha").string(),
  );
  for (const branch of [base, run])
    await asPerson.send(
      "POST /repos/{owner}/{repo}/git/refs",
      { ...at, ref: `refs/heads/${branch}`, sha: tip },
      nothing,
    );
  const sha = await asPerson.send(
    "PUT /repos/{owner}/{repo}/contents/{path}",
    { ...at, path: `${run}.txt`, branch: run, message: run, content: Buffer.from(run).toString("base64") },
    (reply) => reply.at("commit").at("sha").string(),
  );
  const number = await asPerson.send(
    "POST /repos/{owner}/{repo}/pulls",
    { ...at, title: run, head: run, base },
    (reply) => reply.at("number").integer(),
  );
  return {
    repo,
    at,
    appSlug: slug,
    admin,
    asApp,
    client: createGitHubClient(asApp, { id: access.appId, slug }),
    asPerson,
    base,
    pull: { number, sha },
    run,
    patience,
    async close() {
      const close = { ...at, pull_number: number, state: "closed" };
      await asPerson.send("PATCH /repos/{owner}/{repo}/pulls/{pull_number}", close, nothing);
      for (const branch of [run, base])
        await asPerson.send("DELETE /repos/{owner}/{repo}/git/refs/{ref}", { ...at, ref: `heads/${branch}` }, nothing);
    },
  };
}
