import { afterAll, expect, test } from "vitest";
import type { GitHub } from "../../src/adapters/github.ts";
import type { CheckRunBody } from "../../src/core/github.ts";
import { parseRepoName, type RepoName, type Sha } from "../../src/core/names.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { CI_APP_IDS, localSide, modelSide, must, NAME, type Side } from "./github-parity-sides.ts";

// One story, told to the local GitHub through the real adapter and to the simulation's model: both must answer the same.

const RENAMED = must(parseRepoName("acme/store"));
const NOWHERE = must(parseRepoName("acme/none"));
const unknown = "0".repeat(40) as Sha;
const REPORT: CheckRunBody = {
  name: "proa/preview report",
  externalId: "preview/1/1@1",
  status: "completed",
  conclusion: "failure",
  detailsUrl: null,
  title: "Failed",
  summary: "It failed",
  text: "",
  annotations: [{ path: ".proa.yml", line: 1, message: "wrong", remedy: "right" }],
  actions: [{ label: "Retry", description: "Deploy it again", identifier: "retry" }],
};

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

/** Everything that was read on the way, with numbers in place of ids and times. */
async function tell(side: Side): Promise<string[]> {
  stops.push(() => side.stop());
  const { github } = side;
  const said: string[] = [];
  const plain = normaliser();
  const note = (about: string, value: unknown): unknown => said.push(`${about}: ${JSON.stringify(plain(value))}`);
  const read = async (about: string, call: () => Promise<unknown>): Promise<void> => {
    const answer = await call().catch((error: unknown) => {
      if (error instanceof OutsideError) return { refused: error.problem.code };
      throw error;
    });
    note(about, answer);
  };
  const happened = async (what: string): Promise<unknown> => note(`events of ${what}`, await side.events());
  const pulls = async (...numbers: number[]): Promise<void> => {
    for (const number of numbers) {
      await read(`pull request ${number}`, () => github.pullRequest(NAME, number));
      await read(`files of ${number}`, () => github.changedFiles(NAME, number));
    }
    await read("open pull requests", () => github.openPullRequests(NAME));
    await read("main", () => github.branch(NAME, "main"));
  };

  await side.protect(["test"]);
  await read("repository", () => github.repository(NAME));
  await read("rules", () => github.branchRules(NAME, "main"));
  const first = await side.push("topic", { "web/a.js": "1\n" }, "main");
  const one = await side.open("topic", "main", false);
  await happened("opening");
  const second = await side.push("topic", { "web/b.js": "2\n" });
  await happened("pushing");
  await pulls(one);
  const third = await side.forcePush("topic", { "web/a.js": "3\n" });
  await happened("force pushing");
  await pulls(one);
  for (const [base, head] of [
    [first, second],
    [second, first],
    [second, third],
    [third, third],
    [first, unknown],
  ] as const)
    await read("compare", () => github.compare(NAME, base, head));
  await read("commit that was dropped", () => github.commit(NAME, second));

  await side.report(third, "test", null);
  await happened("a check that starts");
  await read("checks", () => github.checks(NAME, third));
  await side.report(third, "test", "failure");
  await side.report(third, "lint", "success");
  await side.report(third, "test", "success");
  await happened("checks that end");
  await read("checks", () => github.checks(NAME, third));
  await writes(github, side, { number: one, sha: third, read, happened });

  const two = await side.openFromFork("fork", { "web/fork.js": "1\n" });
  await happened("a fork's pull request");
  await pulls(two);
  await side.close(one);
  const fourth = await side.push("topic", { "web/c.js": "4\n" });
  await happened("pushing to a closed pull request");
  await pulls(one);
  await side.reopen(one);
  await side.setDraft(one, true);
  await side.setDraft(one, false);
  await side.label(one, "preview", true);
  await side.label(one, "preview", false);
  await happened("reopening, drafts and labels");
  await side.push("release", { RELEASE: "1\n" }, "main");
  await side.retarget(one, "release");
  await pulls(one);
  await side.retarget(one, "main");
  await happened("retargeting");

  await side.report(fourth, "test", "success");
  await side.push("main", { "README.md": "# The shop\n" });
  const merged = await side.merge(one, "merge");
  await happened("a merge");
  await pulls(one);
  await read("compare", () => github.compare(NAME, fourth, merged));
  for (const sha of [merged, fourth, third]) await read("pull requests of", () => github.pullRequestsOf(NAME, sha));
  for (const method of ["squash", "rebase"] as const) {
    const head = await side.push(method, { [`web/${method}.js`]: "1\n" }, "main");
    await side.report(head, "test", "success");
    const number = await side.open(method, "main", false);
    await side.push("main", { [`${method}.md`]: "meanwhile\n" });
    const sha = await side.merge(number, method);
    await happened(`merging by ${method}`);
    await pulls(number);
    await read("commit", () => github.commit(NAME, sha));
    await read("pull requests of", () => github.pullRequestsOf(NAME, sha));
  }
  await side.push("gone", { "web/gone.js": "1\n" }, "main");
  const gone = await side.open("gone", "main", true);
  await side.deleteBranch("gone");
  await happened("a deleted branch");
  await pulls(gone);

  await missing(github, read);
  await side.rename(RENAMED);
  await happened("renaming");
  for (const name of [NAME, RENAMED]) await read("after renaming", () => github.pullRequest(name, one));
  await side.suspend();
  await happened("suspending");
  await read("while suspended", () => github.pullRequest(RENAMED, one));
  await read("while suspended", () => github.createComment(RENAMED, one, "hello"));
  return said;
}

type Read = (about: string, call: () => Promise<unknown>) => Promise<void>;

async function writes(
  github: GitHub,
  side: Side,
  at: { number: number; sha: Sha; read: Read; happened: (what: string) => Promise<unknown> },
): Promise<void> {
  const { number, sha, read, happened } = at;
  const status = { context: "proa/preview", state: "pending", description: "waits", targetUrl: null } as const;
  await read("status", () => github.createStatus(NAME, sha, { ...status, description: "waits ".repeat(40) }));
  await read("status", () =>
    github.createStatus(NAME, sha, { ...status, state: "success", targetUrl: "https://pr.example" }),
  );
  await read("status of nothing", () => github.createStatus(NAME, unknown, status));
  await happened("statuses");

  const run = await github.createCheckRun(NAME, sha, REPORT);
  await read("find", () => github.findCheckRun(NAME, sha, REPORT.name, REPORT.externalId));
  await read("find", () => github.findCheckRun(NAME, sha, REPORT.name, "another"));
  await read("update", () =>
    github.updateCheckRun(NAME, run.id, { ...REPORT, status: "in_progress", conclusion: null }),
  );
  await read("update", () => github.updateCheckRun(NAME, run.id, { ...REPORT, conclusion: "action_required" }));
  await read("update", () => github.updateCheckRun(NAME, 999_999, REPORT));
  await read("no conclusion", () => github.createCheckRun(NAME, sha, { ...REPORT, conclusion: null }));
  await read("run of nothing", () => github.createCheckRun(NAME, unknown, REPORT));
  await side.press(sha, REPORT.name, "retry");
  await happened("check runs");
  await read("checks", () => github.checks(NAME, sha));

  const deployment = { sha, environment: "preview", transient: true, production: false, task: "deploy" } as const;
  const { id } = await github.createDeployment(NAME, { ...deployment, description: "preview", key: "k1" });
  await read("find", async () => (await github.findDeployment(NAME, sha, "preview", "k1"))?.id === id);
  await read("find", () => github.findDeployment(NAME, sha, "preview", "k2"));
  await read("find", () => github.findDeployment(NAME, sha, "staging", "k1"));
  const success = { state: "success", description: "up", environmentUrl: "https://pr.example", logUrl: null } as const;
  await read("deployment status", () => github.createDeploymentStatus(NAME, id, success));
  await read("deployment status", () => github.createDeploymentStatus(NAME, 999_999, success));
  await read("deployment of nothing", () =>
    github.createDeployment(NAME, { ...deployment, sha: unknown, description: "preview", key: "k3" }),
  );

  const quote = await side.comment(number, "I quote <!-- proa -->");
  const ours = await github.createComment(NAME, number, "<!-- proa --> up");
  await read("find", async () => (await github.findComment(NAME, number, "<!-- proa -->"))?.id === ours.id);
  await read("change", () => github.updateComment(NAME, ours.id, "<!-- proa --> down"));
  await read("react", () => github.react(NAME, quote, "+1"));
  await read("react", () => github.react(NAME, 999_999, "+1"));
  await side.deleteComment(ours.id);
  await read("find", () => github.findComment(NAME, number, "<!-- proa -->"));
  await read("change", () => github.updateComment(NAME, ours.id, "again"));
  await read("comment on nothing", () => github.createComment(NAME, 999, "hello"));
  await read("find on nothing", () => github.findComment(NAME, 999, "hello"));
  await happened("comments");
}

/** How each call ends where there is nothing. */
async function missing(github: GitHub, read: Read): Promise<void> {
  for (const name of [NAME, NOWHERE] satisfies RepoName[]) {
    await read("repository", () => github.repository(name));
    await read("pull request", () => github.pullRequest(name, 999));
    await read("files", () => github.changedFiles(name, 999));
    await read("checks", () => github.checks(name, unknown));
    await read("rules", () => github.branchRules(name, "none"));
    await read("branch", () => github.branch(name, "none"));
    await read("commit", () => github.commit(name, unknown));
    await read("pull requests of", () => github.pullRequestsOf(name, unknown));
    await read("file", () => github.file(name, "none", "main"));
    await read("file of no branch", () => github.file(name, "README.md", "none"));
    for (const login of ["ada", "wim", "rex", "nobody"]) await read(login, () => github.permission(name, login));
  }
  await read("file", () => github.file(NAME, "README.md", "main"));
  await read("folder", () => github.file(NAME, "web", "main"));
  await read("pull requests", () => github.openPullRequests(NOWHERE));
}

/** Commits and ids by the order in which they were first seen; of times only whether there is one. */
function normaliser(): (value: unknown) => unknown {
  const seen = new Map<unknown, string>();
  const nth = (kind: string, value: unknown): string => {
    const known = seen.get(value) ?? `${kind} ${seen.size}`;
    seen.set(value, known);
    return known;
  };
  const walk = (value: unknown, key: string): unknown => {
    if (key === "suites") return suites(value as { appId: number; runs: number }[]).map((suite) => walk(suite, ""));
    if (Array.isArray(value)) return value.map((item) => walk(item, ""));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, inner]) => [name, walk(inner, name)]),
      );
    if (typeof value === "string" && /^[0-9a-f]{40}$/.test(value)) return nth("object", value);
    if (typeof value === "number" && key === "appId") return CI_APP_IDS.includes(value) ? "ci" : "ours";
    if (typeof value === "number" && (key === "id" || key === "repoId")) return nth("id", value);
    if (typeof value === "number" && key.endsWith("At")) return "a time";
    return key === "url" && value !== "" ? "an address" : value;
  };
  return (value) => walk(value, "");
}

/** The local GitHub makes an empty suite for the CI's App too; nothing but its runs ever counts. */
const suites = (all: readonly { appId: number; runs: number }[]) =>
  all.filter(({ appId, runs }) => runs > 0 || !CI_APP_IDS.includes(appId)).sort((a, b) => a.appId - b.appId);

test("the simulation's GitHub and the local one tell the same story", async () => {
  const [model, local] = [await tell(modelSide()), await tell(await localSide())];
  expect(model).toEqual(local);
  expect(local.length).toBeGreaterThan(100);
});
