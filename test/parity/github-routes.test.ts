import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHubWorld, startGitHubWorld } from "./github-world.ts";
import { createOpenApiChecker } from "./openapi-checker.ts";
import { createWebhookChecker } from "./webhook-checker.ts";

const shop = { owner: "acme", repo: "shop" };
let world: GitHubWorld;
beforeAll(async () => {
  world = await startGitHubWorld();
});
afterAll(() => world.stop());

const tip = async (branch: string): Promise<string> =>
  (await world.writer.git.getRef({ ...shop, ref: `heads/${branch}` })).data.object.sha;

/** A branch off main with files of its own, one commit for each. */
async function branchWith(name: string, files: Record<string, string>): Promise<string> {
  await world.writer.git.createRef({ ...shop, ref: `refs/heads/${name}`, sha: await tip("main") });
  for (const [path, content] of Object.entries(files)) await write(name, path, content);
  return tip(name);
}

async function write(branch: string, path: string, content: string): Promise<void> {
  const before = await world.writer.repos.getContent({ ...shop, path, ref: branch }).catch(() => null);
  const sha = before !== null && !Array.isArray(before.data) ? { sha: before.data.sha } : {};
  const encoded = Buffer.from(content).toString("base64");
  await world.writer.repos.createOrUpdateFileContents({
    ...shop,
    path,
    branch,
    message: `Write ${path}`,
    content: encoded,
    ...sha,
  });
}

async function pullWith(name: string, files: Record<string, string>): Promise<{ number: number; sha: string }> {
  const sha = await branchWith(name, files);
  const { data } = await world.writer.pulls.create({
    ...shop,
    title: `Bring ${name}`,
    body: "Why.",
    head: name,
    base: "main",
  });
  await world.events();
  return { number: data.number, sha };
}

const status = (call: Promise<unknown>): Promise<number> =>
  call.then(
    (answer) => (answer as { status: number }).status,
    (error: { status: number }) => error.status,
  );

test("CI's check run is seen by Proa's App, with the App that made it; the App's own suite stays queued and empty", async () => {
  const { ci, installation } = world;
  const { sha, number } = await pullWith("checked", { "a.txt": "a" });
  const { data: run } = await ci.checks.create({ ...shop, name: "test", head_sha: sha, status: "in_progress" });
  expect(await world.events()).toEqual(["check_run.created"]);
  await ci.checks.update({
    ...shop,
    check_run_id: run.id,
    conclusion: "success",
    output: { title: "12 passed", summary: "All green" },
  });
  expect(await world.events()).toEqual(["check_run.completed", "check_suite.completed"]);
  const { data } = await installation.checks.listForRef({ ...shop, ref: sha, filter: "latest", per_page: 100 });
  expect(data).toMatchObject({
    total_count: 1,
    check_runs: [
      {
        name: "test",
        status: "completed",
        conclusion: "success",
        app: { id: 78, slug: "local-ci" },
        pull_requests: [{ number }],
      },
    ],
  });
  const { data: suites } = await installation.checks.listSuitesForRef({ ...shop, ref: sha });
  expect(
    suites.check_suites.map(({ app, status, latest_check_runs_count }) => [app?.id, status, latest_check_runs_count]),
  ).toEqual([
    [78, "completed", 1],
    [77, "queued", 0],
  ]);
});

test("filter=latest shows a rerun instead of the run before it", async () => {
  const { ci, writer } = world;
  const { sha } = await pullWith("rerun", { "r.txt": "r" });
  const { data: first } = await ci.checks.create({ ...shop, name: "test", head_sha: sha, conclusion: "failure" });
  await writer.checks.rerequestRun({ ...shop, check_run_id: first.id });
  expect(world.reruns).toMatchObject([{ name: "test", sha }]);
  const { data: second } = await ci.checks.create({ ...shop, name: "test", head_sha: sha, conclusion: "success" });
  const ids = async (filter: "latest" | "all"): Promise<number[]> =>
    (await ci.checks.listForRef({ ...shop, ref: sha, filter })).data.check_runs.map(({ id }) => id);
  expect(await ids("latest")).toEqual([second.id]);
  expect(await ids("all")).toEqual([second.id, first.id]);
});

test("Proa's own check run carries annotations and a button, and pressing it is a command with its sender", async () => {
  const { installation, writer, reader } = world;
  const { sha } = await pullWith("diagnosed", { "d.txt": "d" });
  const actions = [{ label: "Approve", description: "Deploy it to production", identifier: "approve" }];
  const annotations = [
    { path: ".proa.yml", start_line: 3, end_line: 3, annotation_level: "failure" as const, message: "unknown key" },
  ];
  const output = { title: "Bad config", summary: "One problem", annotations };
  const { data: run } = await installation.checks.create({
    ...shop,
    name: "proa/production report",
    head_sha: sha,
    external_id: "env/1/production",
    conclusion: "action_required",
    output,
    actions,
  });
  expect(run.output.annotations_count).toBe(1);
  expect((await installation.checks.listAnnotations({ ...shop, check_run_id: run.id })).data).toMatchObject([
    { path: ".proa.yml", start_line: 3 },
  ]);
  await world.events();
  const press = (by: typeof writer): Promise<unknown> =>
    by.request("POST /repos/{owner}/{repo}/check-runs/{id}/actions/approve", { ...shop, id: run.id });
  await press(writer);
  expect(await world.events()).toEqual(["check_run.requested_action"]);
  expect(world.received.at(-1)?.payload).toMatchObject({
    requested_action: { identifier: "approve" },
    sender: { login: "wim" },
    check_run: { external_id: "env/1/production" },
  });
  expect(await status(press(reader))).toBe(403);
  await writer.checks.rerequestRun({ ...shop, check_run_id: run.id });
  expect(await world.events()).toEqual(["check_run.rerequested"]);
  const tooLong = [{ label: "A label of more than twenty characters", description: "x", identifier: "x" }];
  expect(
    await status(
      installation.checks.update({ ...shop, check_run_id: run.id, conclusion: "success", actions: tooLong }),
    ),
  ).toBe(422);
});

test("the combined status is pending while there are none, and then what the latest of each context say", async () => {
  const { installation, anonymous } = world;
  const { sha } = await pullWith("statuses", { "s.txt": "s" });
  const combined = async (): Promise<string> =>
    (await anonymous.repos.getCombinedStatusForRef({ ...shop, ref: sha })).data.state;
  expect(await combined()).toBe("pending");
  const post = (context: string, state: "pending" | "success" | "failure"): Promise<unknown> =>
    installation.repos.createCommitStatus({
      ...shop,
      sha,
      context,
      state,
      description: `It is ${state}`,
      target_url: "http://127.0.0.1/board",
    });
  await post("proa/preview", "pending");
  await post("proa/preview", "success");
  expect(await combined()).toBe("success");
  expect(await world.events()).toEqual(["status", "status"]);
  expect(world.received.at(-1)?.payload).toMatchObject({
    sha,
    context: "proa/preview",
    state: "success",
    branches: [{ name: "statuses" }],
  });
  await post("other", "failure");
  expect(await combined()).toBe("failure");
  expect(
    (await anonymous.repos.listCommitStatusesForRef({ ...shop, ref: sha })).data.map(({ state }) => state),
  ).toEqual(["failure", "success", "pending"]);
  expect(
    await status(
      installation.repos.createCommitStatus({ ...shop, sha, state: "success", description: "x".repeat(141) }),
    ),
  ).toBe(422);
});

test("a Deployment's defaults are traps: it wants every context green and merges main into the branch first", async () => {
  const { installation, writer } = world;
  const { sha } = await pullWith("trapped", { "t.txt": "t" });
  await installation.repos.createCommitStatus({ ...shop, sha, context: "proa/preview", state: "pending" });
  expect(await status(installation.repos.createDeployment({ ...shop, ref: sha, auto_merge: false }))).toBe(409);
  await write("main", "meanwhile.txt", "m");
  const merged = await writer.repos.createDeployment({ ...shop, ref: "trapped", required_contexts: [] });
  expect(merged.status).toBe(202);
  expect(await tip("trapped")).not.toBe(sha);
});

test("a success makes earlier Deployments inactive, but neither transient nor production ones", async () => {
  const { installation } = world;
  const sha = await tip("main");
  const deploy = async (environment: string, kind: { transient?: boolean; production?: boolean }): Promise<number> => {
    const traps = {
      auto_merge: false,
      required_contexts: [],
      payload: { proa: "env/1/staging/4" },
      description: "Release 4",
    };
    const answer = await installation.repos.createDeployment({
      ...shop,
      ref: sha,
      environment,
      ...traps,
      transient_environment: kind.transient ?? false,
      production_environment: kind.production ?? false,
    });
    const id = (answer.data as { id: number }).id;
    const at = { environment_url: "http://staging.shop.localhost", log_url: "http://127.0.0.1/run" };
    await installation.repos.createDeploymentStatus({
      ...shop,
      deployment_id: id,
      state: "success",
      description: "Live",
      ...at,
    });
    return id;
  };
  const latest = async (id: number): Promise<unknown> =>
    (await installation.repos.listDeploymentStatuses({ ...shop, deployment_id: id })).data[0]?.state;
  const states: unknown[] = [];
  for (const [environment, kind] of [
    ["staging", {}],
    ["preview", { transient: true }],
    ["production", { production: true }],
  ] as const) {
    const earlier = await deploy(environment, kind);
    await deploy(environment, kind);
    states.push(await latest(earlier));
  }
  expect(states).toEqual(["inactive", "success", "success"]);
  const events = await world.events();
  expect(events.filter((event) => event === "deployment_status.created")).toHaveLength(6);
  const { data: found } = await installation.repos.listDeployments({ ...shop, sha, environment: "staging" });
  expect(found.map(({ payload, task }) => [payload, task])).toEqual([
    [{ proa: "env/1/staging/4" }, "deploy"],
    [{ proa: "env/1/staging/4" }, "deploy"],
  ]);
  const { data: environments } = await installation.repos.getAllEnvironments(shop);
  expect(environments.environments?.map(({ name }) => name)).toEqual(["staging", "preview", "production"]);
});

test("comments are written, found, edited, reacted to and deleted", async () => {
  const { installation, reader, writer } = world;
  const { number } = await pullWith("talked-about", { "c.txt": "c" });
  const { data: ours } = await installation.issues.createComment({
    ...shop,
    issue_number: number,
    body: "<!-- proa --> waiting",
  });
  const { data: theirs } = await reader.issues.createComment({
    ...shop,
    issue_number: number,
    body: "/deploy staging",
  });
  expect(ours).toMatchObject({ user: { login: "proa-local[bot]", type: "Bot" }, performed_via_github_app: { id: 77 } });
  await installation.issues.updateComment({ ...shop, comment_id: ours.id, body: "<!-- proa --> live" });
  const react = (): Promise<{ status: number }> =>
    installation.reactions.createForIssueComment({ ...shop, comment_id: theirs.id, content: "eyes" });
  expect([(await react()).status, (await react()).status]).toEqual([201, 200]);
  expect((await reader.reactions.listForIssueComment({ ...shop, comment_id: theirs.id })).data).toMatchObject([
    { content: "eyes" },
  ]);
  const { data: all } = await installation.issues.listComments({ ...shop, issue_number: number, per_page: 100 });
  expect(all.map(({ body }) => body)).toEqual(["<!-- proa --> live", "/deploy staging"]);
  expect(await status(reader.issues.deleteComment({ ...shop, comment_id: ours.id }))).toBe(403);
  await writer.issues.deleteComment({ ...shop, comment_id: ours.id });
  expect(await status(installation.issues.updateComment({ ...shop, comment_id: ours.id, body: "again" }))).toBe(404);
  expect(await world.events()).toEqual([
    "issue_comment.created",
    "issue_comment.created",
    "issue_comment.edited",
    "issue_comment.deleted",
  ]);
});

test("a pull request is retargeted, labelled, drafted, closed and opened again", async () => {
  const { writer } = world;
  const { number } = await pullWith("moved", { "m.txt": "m" });
  const { data: pull } = await writer.pulls.get({ ...shop, pull_number: number });
  await branchWith("release", {});
  await world.events();
  await writer.pulls.update({ ...shop, pull_number: number, base: "release", title: "Moved" });
  await world.github.idle();
  expect(world.received.at(-1)?.payload).toMatchObject({
    action: "edited",
    changes: { base: { ref: { from: "main" } }, title: { from: "Bring moved" } },
  });
  await writer.issues.addLabels({ ...shop, issue_number: number, labels: ["preview"] });
  await writer.issues.removeLabel({ ...shop, issue_number: number, name: "preview" });
  for (const mutation of ["convertPullRequestToDraft", "markPullRequestReadyForReview"])
    await writer.graphql(
      `mutation($id: ID!) { ${mutation}(input: {pullRequestId: $id}) { pullRequest { isDraft } } }`,
      { id: pull.node_id },
    );
  await writer.pulls.update({ ...shop, pull_number: number, state: "closed" });
  await writer.pulls.update({ ...shop, pull_number: number, state: "open" });
  await writer.git.deleteRef({ ...shop, ref: "heads/moved" });
  expect(await world.events()).toEqual(
    ["edited", "labeled", "unlabeled", "converted_to_draft", "ready_for_review", "closed", "reopened"]
      .map((action) => `pull_request.${action}`)
      .concat("delete", "push", "pull_request.closed"),
  );
  expect(await status(writer.pulls.update({ ...shop, pull_number: number, state: "open" }))).toBe(422);
  expect((await writer.pulls.list({ ...shop, state: "closed", head: "acme:moved" })).data).toMatchObject([
    { number, state: "closed", merged_at: null },
  ]);
});

test("squash and rebase leave a line of history; a conflict is not mergeable", async () => {
  const { writer } = world;
  const squash = await pullWith("squashed", { "sq.txt": "1", "sq2.txt": "2" });
  const rebase = await pullWith("rebased", { "rb.txt": "1", "rb2.txt": "2" });
  const left = await pullWith("left", { "same.txt": "left\n" });
  const right = await pullWith("right", { "same.txt": "right\n" });
  const before = await tip("main");
  await writer.pulls.merge({ ...shop, pull_number: squash.number, merge_method: "squash" });
  await writer.pulls.merge({ ...shop, pull_number: rebase.number, merge_method: "rebase" });
  const { data: span } = await writer.repos.compareCommitsWithBasehead({ ...shop, basehead: `${before}...main` });
  expect(span).toMatchObject({ status: "ahead", ahead_by: 3, behind_by: 0 });
  expect(span.commits.map(({ commit, parents }) => [commit.message.split("\n")[0], parents.length])).toEqual([
    [`Bring squashed (#${squash.number})`, 1],
    ["Write rb.txt", 1],
    ["Write rb2.txt", 1],
  ]);
  expect(span.files?.map(({ filename, status }) => [filename, status])).toEqual([
    ["rb.txt", "added"],
    ["rb2.txt", "added"],
    ["sq.txt", "added"],
    ["sq2.txt", "added"],
  ]);
  await writer.pulls.merge({ ...shop, pull_number: left.number });
  expect((await writer.pulls.get({ ...shop, pull_number: right.number })).data).toMatchObject({
    mergeable: false,
    mergeable_state: "dirty",
  });
  expect(await status(writer.pulls.merge({ ...shop, pull_number: right.number }))).toBe(405);
  expect(await status(writer.pulls.merge({ ...shop, pull_number: right.number, sha: before }))).toBe(405);
});

test("a required check holds the merge back until it has passed; an administrator may pass over it", async () => {
  const { admin, writer, ci, installation } = world;
  const { number, sha } = await pullWith("guarded", { "g.txt": "g" });
  const rules = {
    required_status_checks: { strict: false, contexts: ["test"] },
    enforce_admins: null,
    required_pull_request_reviews: null,
    restrictions: null,
  };
  await admin.repos.updateBranchProtection({ ...shop, branch: "main", ...rules });
  expect(await world.events()).toEqual(["branch_protection_rule.created"]);
  expect(
    (await installation.repos.getBranch({ ...shop, branch: "main" })).data.protection.required_status_checks,
  ).toMatchObject({ contexts: ["test"], checks: [{ context: "test", app_id: null }] });
  expect(
    (await admin.repos.getBranchProtection({ ...shop, branch: "main" })).data.required_status_checks?.contexts,
  ).toEqual(["test"]);
  expect(await status(installation.repos.getBranchProtection({ ...shop, branch: "main" }))).toBe(403);
  const { data: ruleset } = await admin.repos.createRepoRuleset({
    ...shop,
    name: "ci",
    enforcement: "active",
    conditions: { ref_name: { include: ["~DEFAULT_BRANCH"], exclude: [] } },
    rules: [
      {
        type: "required_status_checks",
        parameters: {
          strict_required_status_checks_policy: false,
          required_status_checks: [{ context: "lint", integration_id: 78 }],
        },
      },
    ],
  });
  expect((await installation.repos.getBranchRules({ ...shop, branch: "main" })).data).toMatchObject([
    { type: "required_status_checks", ruleset_id: ruleset.id },
  ]);
  expect((await installation.repos.getBranchRules({ ...shop, branch: "guarded" })).data).toEqual([]);
  expect((await writer.pulls.get({ ...shop, pull_number: number })).data.mergeable_state).toBe("blocked");
  expect(await status(writer.pulls.merge({ ...shop, pull_number: number }))).toBe(405);
  for (const name of ["test", "lint"]) await ci.checks.create({ ...shop, name, head_sha: sha, conclusion: "success" });
  expect((await writer.pulls.get({ ...shop, pull_number: number })).data.mergeable_state).toBe("clean");
  await admin.repos.getRepoRuleset({ ...shop, ruleset_id: ruleset.id });
  await admin.repos.getRepoRulesets(shop);
  await admin.repos.deleteRepoRuleset({ ...shop, ruleset_id: ruleset.id });
  await admin.repos.deleteBranchProtection({ ...shop, branch: "main" });
  expect(await status(writer.pulls.merge({ ...shop, pull_number: number }))).toBe(200);
});

test("files are read raw, as JSON and by folder; trees and tarballs come from git", async () => {
  const { reader } = world;
  const raw = await reader.repos.getContent({ ...shop, path: "src/app.js", mediaType: { format: "raw" } });
  expect(raw.data).toBe("console.log('one');\n");
  const { data: file } = await reader.repos.getContent({ ...shop, path: "src/app.js", ref: "main" });
  expect(file).toMatchObject({ type: "file", name: "app.js", encoding: "base64", size: 20 });
  const { data: folder } = await reader.repos.getContent({ ...shop, path: "src" });
  expect(folder).toMatchObject([{ type: "file", path: "src/app.js" }]);
  expect(await status(reader.repos.getContent({ ...shop, path: "nothing" }))).toBe(404);
  const { data: tree } = await reader.git.getTree({ ...shop, tree_sha: "main", recursive: "1" });
  expect(tree.tree.map(({ path }) => path)).toEqual(expect.arrayContaining(["src", "src/app.js"]));
  const tarball = await reader.repos.downloadTarballArchive({ ...shop, ref: "main" });
  expect(Buffer.from(tarball.data as ArrayBuffer).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
  expect((await reader.repos.listBranches(shop)).data.map(({ name }) => name)).toContain("main");
  expect((await reader.repos.listCommits({ ...shop, sha: "main", per_page: 1 })).data).toHaveLength(1);
  const { number } = await pullWith("renamer", { "n.txt": "n" });
  expect((await reader.pulls.listFiles({ ...shop, pull_number: number })).data).toMatchObject([
    { filename: "n.txt", status: "added", additions: 1 },
  ]);
  expect((await reader.pulls.listCommits({ ...shop, pull_number: number })).data).toMatchObject([
    { commit: { message: "Write n.txt" } },
  ]);
});

test("lists are paged by Link headers that Octokit follows", async () => {
  const { ci, installation } = world;
  const sha = await branchWith("many", { "many.txt": "x" });
  for (let i = 0; i < 5; i += 1)
    await ci.checks.create({ ...shop, name: `check ${i}`, head_sha: sha, conclusion: "success" });
  const runs = await installation.paginate(installation.checks.listForRef, { ...shop, ref: sha, per_page: 2 });
  expect(runs.map(({ name }) => name).sort()).toEqual([0, 1, 2, 3, 4].map((i) => `check ${i}`));
});

test("an unchanged answer is a 304 and costs nothing", async () => {
  const { installation } = world;
  const first = await installation.repos.get(shop);
  const again = await installation.repos
    .get({ ...shop, headers: { "if-none-match": first.headers.etag } })
    .catch((error: { status: number; response: { headers: Record<string, string> } }) => error);
  expect(again).toMatchObject({ status: 304 });
  const { data } = await installation.rateLimit.get();
  const next = await installation.rateLimit.get();
  expect(next.data.rate.used).toBe(data.rate.used);
});

test("who may do what", async () => {
  const { anonymous, reader, installation, admin, github, repoId } = world;
  const sha = await tip("main");
  await github.createRepository({ owner: "acme", name: "secret", private: true, files: { a: "a" } });
  const secret = { owner: "acme", repo: "secret" };
  const answers = {
    "anonymous reads a public repository": await status(anonymous.repos.get(shop)),
    "anonymous reads a private repository": await status(anonymous.repos.get(secret)),
    "anonymous comments": await status(anonymous.issues.createComment({ ...shop, issue_number: 1, body: "x" })),
    "a wrong token": await status(anonymous.repos.get({ ...shop, headers: { authorization: "token nope" } })),
    "a reader posts a status": await status(reader.repos.createCommitStatus({ ...shop, sha, state: "success" })),
    "a user makes a check run": await status(admin.checks.create({ ...shop, head_sha: sha, name: "mine" })),
    "the App writes a file": await status(installation.git.createRef({ ...shop, ref: "refs/heads/x", sha })),
    "the App reads a private repository": await status(installation.repos.get(secret)),
    "the App asks who it is": await status(installation.users.getAuthenticated()),
    "a user lists the App's deliveries": await status(admin.apps.listWebhookDeliveries()),
  };
  expect(answers).toEqual({
    "anonymous reads a public repository": 200,
    "anonymous reads a private repository": 404,
    "anonymous comments": 401,
    "a wrong token": 401,
    "a reader posts a status": 403,
    "a user makes a check run": 403,
    "the App writes a file": 403,
    "the App reads a private repository": 200,
    "the App asks who it is": 403,
    "a user lists the App's deliveries": 401,
  });
  const { data: users } = await reader.users.getAuthenticated();
  expect(users.login).toBe("rex");
  const roles = await Promise.all(
    ["ada", "wim", "rex", "nobody"].map(
      async (username) => (await installation.repos.getCollaboratorPermissionLevel({ ...shop, username })).data,
    ),
  );
  expect(roles.map(({ permission, role_name }) => `${permission} ${role_name}`)).toEqual([
    "admin admin",
    "write write",
    "read read",
    "none none",
  ]);
  const { data: narrow } = await world.jwt.apps.createInstallationAccessToken({
    installation_id: (await world.jwt.apps.listInstallations()).data[0]?.id ?? 0,
    repository_ids: [repoId],
    permissions: { checks: "write" },
  });
  expect(await status(anonymous.repos.get({ ...secret, headers: { authorization: `token ${narrow.token}` } }))).toBe(
    404,
  );
});

test("the App finds its installation, repositories and itself", async () => {
  const { jwt, installation } = world;
  expect((await jwt.apps.getAuthenticated()).data).toMatchObject({ id: 77, slug: "proa-local" });
  const { data: installed } = await jwt.apps.getRepoInstallation(shop);
  expect((await jwt.apps.getInstallation({ installation_id: installed.id })).data).toMatchObject({
    app_id: 77,
    suspended_at: null,
  });
  expect((await jwt.apps.getOrgInstallation({ org: "acme" })).data.id).toBe(installed.id);
  expect(
    (await installation.apps.listReposAccessibleToInstallation()).data.repositories.map(({ name }) => name),
  ).toEqual(["shop", "secret"]);
});

test("a renamed repository answers at its old name with a redirect that keeps the rest of the path", async () => {
  const { admin, installation, repoId } = world;
  await admin.repos.update({ ...shop, name: "store" });
  expect(await world.events()).toContain("repository.renamed");
  const { data } = await installation.repos.get(shop);
  expect(data).toMatchObject({ id: repoId, full_name: "acme/store" });
  expect((await installation.repos.getBranch({ ...shop, branch: "main" })).data.name).toBe("main");
  expect((await installation.request("GET /repositories/{id}", { id: repoId })).data).toMatchObject({ name: "store" });
  await admin.repos.update({ owner: "acme", repo: "store", name: "shop" });
});

test("a fork's pull request names another head repository, and follows its pushes", async () => {
  const { reader } = world;
  await reader.repos.createFork(shop);
  const fork = { owner: "rex", repo: "shop" };
  const content = Buffer.from("from outside").toString("base64");
  await reader.repos.createOrUpdateFileContents({ ...fork, path: "fork.txt", message: "From outside", content });
  const { data: pull } = await reader.pulls.create({ ...shop, title: "From a fork", head: "rex:main", base: "main" });
  expect(pull).toMatchObject({
    head: { label: "rex:main", repo: { full_name: "rex/shop", fork: true } },
    changed_files: 1,
  });
  const { data: written } = await reader.repos.createOrUpdateFileContents({
    ...fork,
    path: "fork2.txt",
    message: "More",
    content,
  });
  const { data: after } = await world.installation.pulls.get({ ...shop, pull_number: pull.number });
  expect(after).toMatchObject({ head: { sha: written.commit.sha }, changed_files: 2 });
  expect((await world.installation.repos.getCommit({ ...shop, ref: after.head.sha })).data.sha).toBe(after.head.sha);
});

test("a route that is not served says so and is remembered", async () => {
  expect(await status(world.admin.request("GET /repos/{owner}/{repo}/releases", shop))).toBe(501);
  expect(world.github.unknownRoutes).toEqual(["GET /repos/acme/shop/releases"]);
});

test("every webhook is as its published schema says", async () => {
  await world.github.idle();
  const check = createWebhookChecker();
  expect([...new Set(world.received.flatMap(({ event, payload }) => check(event, payload)))]).toEqual([]);
});

/** Served beside GitHub's own: the page's button, and GraphQL, which has a description of its own. */
const NOT_IN_OPENAPI = /\/actions\/|\/graphql|\/legacy\.tar\.gz|\/releases/;

test("every answer and every request is as GitHub's OpenAPI description says", () => {
  const check = createOpenApiChecker();
  const described = world.exchanges.filter(({ path }) => !NOT_IN_OPENAPI.test(path));
  expect([...new Set(described.flatMap((exchange) => check(exchange)))]).toEqual([]);
  expect(world.exchanges.filter(({ status }) => status >= 500 && status !== 501)).toEqual([]);
});
