import { join } from "node:path";
import type { GitHub } from "../../src/adapters/github.ts";
import { createGitHubClient } from "../../src/adapters/github-client.ts";
import { createGitHubHttp, createOctokit } from "../../src/adapters/github-http.ts";
import { parseRepoName, parseSha, type RepoName, type Sha } from "../../src/core/names.ts";
import { createPerson, type Person } from "../journeys/person.ts";
import { startGitHubWorld } from "../parity/github-world.ts";
import { createGitHubModel } from "./github.ts";
import { createKernel } from "./kernel.ts";

type Files = Readonly<Record<string, string>>;

/** What people and a CI do in acme/shop, and GitHub as our App sees it: the model and the local GitHub alike. */
export interface Side {
  readonly github: GitHub;
  push(branch: string, files: Files, from?: string): Promise<Sha>;
  forcePush(branch: string, files: Files): Promise<Sha>;
  deleteBranch(branch: string): Promise<void>;
  open(head: string, base: string, draft: boolean): Promise<number>;
  /** By somebody without any right here, from a fork of their own. */
  openFromFork(branch: string, files: Files): Promise<number>;
  close(number: number): Promise<void>;
  reopen(number: number): Promise<void>;
  merge(number: number, method: "merge" | "squash" | "rebase"): Promise<Sha>;
  retarget(number: number, base: string): Promise<void>;
  setDraft(number: number, draft: boolean): Promise<void>;
  label(number: number, name: string, on: boolean): Promise<void>;
  comment(number: number, body: string): Promise<number>;
  deleteComment(id: number): Promise<void>;
  report(sha: Sha, name: string, conclusion: "success" | "failure" | null): Promise<void>;
  protect(contexts: readonly string[]): Promise<void>;
  press(sha: Sha, check: string, identifier: string): Promise<void>;
  rename(name: RepoName): Promise<void>;
  suspend(): Promise<void>;
  /** Since the last call, as `pull_request.opened`; those that the door ignores by name are left out. */
  events(): Promise<string[]>;
  stop(): Promise<void>;
}

export const NAME = must(parseRepoName("acme/shop"));
export const CI_APP_IDS: readonly number[] = [78, 15_368];
const FILES = { "README.md": "# shop\n", "src/app.js": "console.log('one');\n", "package.json": "{}\n" };
/** Sent by the local GitHub to whoever subscribes; Proa's App has no use for them, and the model does not send them. */
const UNUSED = /^(create|delete|deployment|deployment_status|branch_protection_rule)(\.|$)/;

/** The real adapter against the local GitHub, with git and Octokit for the people. */
export async function localSide(): Promise<Side> {
  const world = await startGitHubWorld();
  const at = { owner: "acme", repo: "shop" };
  const octokit = createOctokit({ apiUrl: `${world.base}/api/v3`, userAgent: "proa-test", clock: { now: world.now } });
  const credentials = {
    token: async () => ((await world.installation.auth({ type: "installation" })) as { token: string }).token,
    refused: () => undefined,
  };
  const github = createGitHubClient(createGitHubHttp(octokit, credentials, { now: world.now }), {
    id: 77,
    slug: "proa-local",
  });
  let version = 0;
  const person = (login: string, owner: string): Person =>
    createPerson({
      login,
      token: `token-${login}`,
      owner,
      repo: "shop",
      url: world.base,
      dir: join(world.dir, "clones"),
      nextVersion: () => ++version,
    });
  const wim = person("wim", "acme");
  const runs = new Map<string, number>();
  const sha = (text: string): Sha => must(parseSha(text));
  await world.events();

  return {
    github,
    push: async (branch, files, from = branch) => sha(await wim.push(branch, files, from)),
    forcePush: async (branch, files) => sha(await wim.forcePush(branch, files)),
    deleteBranch: (branch) => wim.deleteBranch(branch),
    async open(head, base, draft) {
      return (await world.writer.pulls.create({ ...at, head, base, draft, title: head })).data.number;
    },
    async openFromFork(branch, files) {
      await world.reader.repos.createFork(at);
      await person("rex", "rex").push(branch, files, "main");
      return (await world.reader.pulls.create({ ...at, head: `rex:${branch}`, base: "main", title: branch })).data
        .number;
    },
    close: (number) => wim.close(number),
    reopen: (number) => wim.reopen(number),
    merge: async (number, method) => sha(await wim.merge(number, method)),
    retarget: (number, base) => wim.retarget(number, base),
    setDraft: (number, draft) => wim.setDraft(number, draft),
    label: (number, name, on) => (on ? wim.label(number, name) : wim.unlabel(number, name)),
    comment: (number, body) => wim.comment(number, body),
    deleteComment: async (id) => void (await world.writer.issues.deleteComment({ ...at, comment_id: id })),
    async report(head, name, conclusion) {
      const known = runs.get(`${head} ${name}`);
      const state = conclusion === null ? ({ status: "in_progress" } as const) : { conclusion };
      if (known !== undefined) return void (await world.ci.checks.update({ ...at, check_run_id: known, ...state }));
      const { data } = await world.ci.checks.create({ ...at, head_sha: head, name, ...state });
      runs.set(`${head} ${name}`, data.id);
    },
    async protect(contexts) {
      await world.admin.repos.updateBranchProtection({
        ...at,
        branch: "main",
        required_status_checks: { strict: false, contexts: [...contexts] },
        enforce_admins: false,
        required_pull_request_reviews: null,
        restrictions: null,
      });
    },
    press: (head, check, identifier) => wim.pressButton(head, check, identifier),
    rename: async (name) => void (await world.admin.repos.update({ ...at, name: name.slice("acme/".length) })),
    async suspend() {
      const [installation] = (await world.jwt.apps.listInstallations()).data;
      await world.jwt.apps.suspendInstallation({ installation_id: installation?.id ?? 0 });
    },
    events: async () => (await world.events()).filter((event) => !UNUSED.test(event)),
    stop: () => world.stop(),
  };
}

/** The model, called as it is. */
export function modelSide(): Side {
  const events: string[] = [];
  const kernel = createKernel({ seed: 1, note: () => undefined });
  const model = createGitHubModel(kernel, {
    appId: 77,
    deliver: ({ event, payload: { action } }) =>
      void events.push(typeof action === "string" ? `${event}.${action}` : event),
    pushImage: () => undefined,
    ci: null,
  });
  const { people } = model;
  const installation = model.install("acme");
  const repo = model.createRepository({
    name: NAME,
    installation,
    files: FILES,
    services: [],
    people: { ada: "admin", wim: "write", rex: "read" },
    private: false,
  });
  events.length = 0;
  const view = model.app.installation(installation);
  const github = Object.fromEntries(
    Object.entries(view).map(([method, call]) => [
      method,
      async (...args: unknown[]) => (call as (...args: unknown[]) => unknown)(...args),
    ]),
  ) as unknown as GitHub;
  let version = 0;
  const message = (): string => `change version ${++version}`;

  return {
    github,
    async push(branch, files, from = branch) {
      if (from !== branch) must(repo.branches.get(from) ?? null);
      return must(people.push(repo, branch, files, "wim", message()));
    },
    forcePush: async (branch, files) => must(people.forcePush(repo, branch, files, "wim", message())),
    deleteBranch: async (branch) => done(people.deleteBranch(repo, branch, "wim")),
    open: async (head, base, draft) => must(people.open(repo, { head, base, draft, by: "wim" })),
    async openFromFork(branch, files) {
      const fork = model.fork(repo, "rex");
      people.push(fork, branch, files, "rex", message());
      return must(people.open(repo, { head: branch, from: fork, by: "rex" }));
    },
    close: async (number) => done(people.close(repo, number, "wim")),
    reopen: async (number) => done(people.reopen(repo, number, "wim")),
    merge: async (number, method) => must(people.merge(repo, number, method, "wim")),
    retarget: async (number, base) => done(people.retarget(repo, number, base, "wim")),
    setDraft: async (number, draft) => done(people.setDraft(repo, number, draft, "wim")),
    label: async (number, name, on) =>
      done(on ? people.label(repo, number, name, "wim") : people.unlabel(repo, number, name, "wim")),
    comment: async (number, body) => must(people.comment(repo, number, body, "wim")),
    deleteComment: async (id) => done(people.deleteComment(repo, id, "wim")),
    report: async (sha, name, conclusion) =>
      people.reportCheck(repo, sha, name, { status: conclusion === null ? "in_progress" : "completed", conclusion }),
    protect: async (contexts) =>
      people.requireChecks(
        repo,
        "main",
        contexts.map((context) => ({ context, appId: null, source: "protection" })),
      ),
    press: async (sha, check, identifier) => done(people.pressButton(repo, sha, check, identifier, "wim")),
    rename: async (name) => done(people.rename(repo, name, "ada")),
    suspend: async () => done(people.suspend(installation, true, "acme")),
    events: async () => events.splice(0),
    stop: async () => undefined,
  };
}

export function must<T>(value: T | null): T {
  if (value === null) throw new Error("refused");
  return value;
}

function done(happened: boolean): void {
  if (!happened) throw new Error("refused");
}
