import { describe, expect, test } from "vitest";
import { commandId } from "../../src/core/event-command.ts";
import { field } from "../../src/core/event-payload.ts";
import { dedupId, groupOf } from "../../src/core/message-ids.ts";
import type { CommandMessage, Message } from "../../src/core/message.ts";
import {
  base,
  checkRun,
  checkSuite,
  comment,
  deliver,
  guid,
  head,
  inPull,
  installation,
  installationRepositories,
  mergeGroup,
  ownRun,
  OWN_APP,
  person,
  pullRequest,
  push,
  receivedAt,
  robot,
  status,
  without,
  withField,
} from "./event-fixture.ts";

const preview = { kind: "preview", repoId: 12, number: 5 };
const staging = { kind: "env", repoId: 12, environment: "staging" };
const from = (because: string) => ({ v: 1, delivery: guid, installation: 99, repo: "acme/shop", receivedAt, because });
const look = (because: string, target: object = preview, sha: string | null = head) => ({
  ...from(because),
  kind: "look",
  target,
  sha,
});
const commit = (because: string) => ({ ...from(because), kind: "commit", repoId: 12, sha: head });

function messagesOf(event: string, payload: unknown): readonly Message[] {
  const reading = deliver(event, payload);
  if (reading.kind !== "messages") throw new Error(`${reading.kind}: ${reading.because}`);
  return reading.messages;
}

function commandOf(event: string, payload: unknown): CommandMessage {
  const [message] = messagesOf(event, payload);
  if (message?.kind !== "command") throw new Error(`not a command: ${JSON.stringify(message)}`);
  return message;
}

describe("is looked at", () => {
  test.each<[title: string, event: string, payload: unknown, messages: unknown[]]>([
    ...[
      "opened",
      "reopened",
      "synchronize",
      "ready_for_review",
      "converted_to_draft",
      "labeled",
      "unlabeled",
      "closed",
    ].map((action): [string, string, unknown, unknown[]] => [
      `a pull request ${action}`,
      "pull_request",
      pullRequest(action),
      [look(`pull_request.${action}`)],
    ]),
    [
      "a pull request with another base",
      "pull_request",
      pullRequest("edited", { changes: { base: { ref: { from: "main" } } } }),
      [look("pull_request.edited")],
    ],
    [
      "a branch that moved",
      "push",
      push(),
      [{ ...from("push"), kind: "branch", repoId: 12, branch: "main", sha: head }],
    ],
    [
      "a branch with slashes",
      "push",
      push({ ref: "refs/heads/feat/ünïcode-%2f" }),
      [{ ...from("push"), kind: "branch", repoId: 12, branch: "feat/ünïcode-%2f", sha: head }],
    ],
    ["a check that began", "check_run", checkRun("created"), [commit("check_run.created"), look("check_run.created")]],
    [
      "a check that ended",
      "check_run",
      checkRun("completed"),
      [commit("check_run.completed"), look("check_run.completed")],
    ],
    [
      "a fork's check, which lists no pull request",
      "check_run",
      checkRun("completed", { pull_requests: [] }),
      [commit("check_run.completed")],
    ],
    [
      "a check without an app",
      "check_run",
      checkRun("completed", { app: null, pull_requests: [] }),
      [commit("check_run.completed")],
    ],
    [
      "a check of two pull requests, each once",
      "check_run",
      checkRun("completed", { pull_requests: [inPull(5), inPull(5), inPull(6)] }),
      [
        commit("check_run.completed"),
        look("check_run.completed"),
        look("check_run.completed", { ...preview, number: 6 }),
      ],
    ],
    [
      "not a pull request into another repository",
      "check_run",
      checkRun("completed", { pull_requests: [inPull(5, { repo: 13 })] }),
      [commit("check_run.completed")],
    ],
    [
      "not a pull request that has moved on",
      "check_run",
      checkRun("completed", { pull_requests: [inPull(5, { sha: base })] }),
      [commit("check_run.completed")],
    ],
    [
      "a suite that ended",
      "check_suite",
      checkSuite("completed"),
      [commit("check_suite.completed"), look("check_suite.completed")],
    ],
    [
      "our suite, when all checks are asked for again",
      "check_suite",
      checkSuite("rerequested", { app: { id: OWN_APP } }),
      [commit("check_suite.rerequested"), look("check_suite.rerequested")],
    ],
    [
      "our check of a preview, asked for again",
      "check_run",
      ownRun("rerequested", "preview/12/5@3"),
      [look("check_run.rerequested", preview, null)],
    ],
    [
      "our check of an environment, asked for again",
      "check_run",
      ownRun("rerequested", "env/12/staging@9@x"),
      [look("check_run.rerequested", staging, null)],
    ],
    ["a status", "status", status(), [commit("status")]],
    ["a merge queue's group", "merge_group", mergeGroup("checks_requested"), [commit("merge_group.checks_requested")]],
  ])("%s", (_, event, payload, messages) => {
    expect(messagesOf(event, payload)).toEqual(messages);
  });

  test("no more pull requests of a check than a handful", () => {
    const pulls = Array.from({ length: 200 }, (_, i) => inPull(i + 1));
    expect(messagesOf("check_run", checkRun("completed", { pull_requests: pulls }))).toHaveLength(21);
  });
});

describe("is a command", () => {
  const said = { kind: "comment", number: 5, commentId: 77 };
  const at = Date.parse("2026-03-02T08:59:58Z");
  test.each<[title: string, body: string, target: object | null, verb: string, environment: string | null]>([
    ["a deploy of the pull request's preview", "/deploy", preview, "deploy", null],
    ["the preview by name", "/deploy preview", preview, "deploy", null],
    ["a deploy to an environment", "/deploy staging", null, "deploy", "staging"],
    ["an approval of whatever waits", "/approve", null, "approve", null],
    ["an approval of the preview", "/approve preview", preview, "approve", null],
    ["an approval of an environment", "/approve production", null, "approve", "production"],
    ["a rollback", "/rollback production", null, "rollback", "production"],
    ["a rollback of nothing in particular, to be refused with its usage", "/rollback", null, "rollback", null],
    ["the end of a hold", "/release-hold staging", null, "release-hold", "staging"],
    ["too many arguments, as written, to be refused", "/deploy staging now", null, "deploy", "staging now"],
    ["an argument that cannot be a name, to be refused", "/deploy @all", null, "deploy", "?all"],
  ])("%s", (_, body, target, verb, environment) => {
    const expected = { verb, environment, actor: { login: "ada", id: 7 }, at, source: said };
    expect(messagesOf("issue_comment", comment(body))).toEqual([
      { ...from("issue_comment.created"), kind: "command", target, repoId: 12, command: expected },
    ]);
  });

  test.each<[identifier: string, externalId: string, target: object, verb: string, environment: string | null]>([
    ["approve", "env/12/staging@4", staging, "approve", "staging"],
    ["rollback", "env/12/staging", staging, "rollback", "staging"],
    ["release-hold", "env/12/staging@4", staging, "release-hold", "staging"],
    ["retry", "env/12/staging@4", staging, "deploy", "staging"],
    ["retry", "preview/12/5@4", preview, "deploy", null],
  ])("the button %s on %s", (identifier, externalId, target, verb, environment) => {
    const payload = ownRun("requested_action", externalId, { requested_action: { identifier } });
    const source = { kind: "button", sha: head, checkRunId: 3, externalId };
    const expected = { verb, environment, actor: { login: "ada", id: 7 }, at: receivedAt, source };
    expect(messagesOf("check_run", payload)).toEqual([
      { ...from("check_run.requested_action"), kind: "command", target, repoId: 12, command: expected },
    ]);
  });
});

describe("changes what an installation covers", () => {
  const shop = { id: 12, full_name: "acme/shop" };
  const other = { id: 13, full_name: "acme/other" };
  const ofInstallation = (because: string, change: string, repositories: object[] = []) => [
    { v: 1, delivery: guid, installation: 99, receivedAt, because, kind: "installation", change, repositories },
  ];
  test.each([
    ["created", "active"],
    ["unsuspend", "active"],
    ["new_permissions_accepted", "active"],
    ["suspend", "suspended"],
    ["deleted", "deleted"],
  ])("installation.%s: %s", (action, change) => {
    expect(messagesOf("installation", installation(action))).toEqual(ofInstallation(`installation.${action}`, change));
  });

  test("repositories that came and went", () => {
    expect(messagesOf("installation_repositories", installationRepositories([shop], [other]))).toEqual(
      ofInstallation("installation_repositories.added", "active", [
        { id: 12, name: "acme/shop", change: "added" },
        { id: 13, name: "acme/other", change: "removed" },
      ]),
    );
  });

  test("more repositories than a message holds: all of the installation", () => {
    const many = Array.from({ length: 9 }, (_, i) => ({ ...shop, id: i + 1 }));
    expect(messagesOf("installation_repositories", installationRepositories(many))).toEqual(
      ofInstallation("installation_repositories.added", "active"),
    );
  });
});

describe("is ignored, with a reason", () => {
  test.each<[event: string, payload: unknown, because: string]>([
    ["ping", { zen: "Keep it logically awesome.", hook_id: 1 }, "ping"],
    ["star", { action: "created" }, "star is not an event that Proa acts on"],
    ["toString", {}, "toString is not an event that Proa acts on"],
    [
      "delete",
      { ref: "topic", ref_type: "branch" },
      "GitHub closes the pull requests of a deleted branch, and says so itself",
    ],
    ["repository", { action: "renamed" }, "repositories are known by number: the next event carries the new name"],
    ["branch_protection_rule", { action: "edited" }, "whoever waits reads the rules again when it wakes"],
    ["repository_ruleset", { action: "edited" }, "whoever waits reads the rules again when it wakes"],
    ["pull_request", pullRequest("assigned"), "pull_request.assigned: no preview depends on it"],
    [
      "pull_request",
      pullRequest("edited", { changes: { title: { from: "a" } } }),
      "pull_request.edited: no preview depends on it",
    ],
    ["push", push({ ref: "refs/tags/v1" }), "push: not to a branch"],
    ["push", push({ deleted: true, after: "0".repeat(40) }), "push: the branch was deleted, which deploys nothing"],
    ["check_run", ownRun("completed", "preview/12/5@3"), "check_run.completed: Proa's own"],
    ["check_run", ownRun("created", "preview/12/5@3"), "check_run.created: Proa's own"],
    ["check_run", checkRun("rerequested"), "check_run.rerequested: asked of another app"],
    [
      "check_run",
      checkRun("requested_action", {}, { requested_action: { identifier: "approve" } }),
      "check_run.requested_action: asked of another app",
    ],
    ["check_run", ownRun("rerequested", ""), "check_run: the check run names no target"],
    [
      "check_run",
      ownRun("rerequested", "preview/13/5"),
      "check_run: the check run names a target of another repository",
    ],
    [
      "check_run",
      ownRun("requested_action", "env/12/../x", { requested_action: { identifier: "approve" } }),
      "check_run: the check run names no target",
    ],
    [
      "check_run",
      ownRun("requested_action", "env/13/staging", { requested_action: { identifier: "approve" } }),
      "check_run: the check run names a target of another repository",
    ],
    [
      "check_run",
      ownRun("requested_action", "env/12/staging", { requested_action: { identifier: "explode" } }),
      "check_run.requested_action: a button that Proa does not know",
    ],
    [
      "check_run",
      ownRun("requested_action", "env/12/staging", { requested_action: { identifier: "__proto__" } }),
      "check_run.requested_action: a button that Proa does not know",
    ],
    [
      "check_run",
      ownRun("requested_action", "env/12/staging", { requested_action: { identifier: "approve" }, sender: robot }),
      "check_run.requested_action: by a bot",
    ],
    ["check_suite", checkSuite("requested"), "check_suite.requested: nothing to look at"],
    ["check_suite", checkSuite("completed", { app: { id: OWN_APP } }), "check_suite.completed: nothing to look at"],
    ["check_suite", checkSuite("rerequested"), "check_suite.rerequested: nothing to look at"],
    ["status", status({ context: "proa/preview" }), "status: Proa's own"],
    ["issue_comment", comment("thanks!"), "issue_comment: no command"],
    ["issue_comment", comment("> /approve production"), "issue_comment: no command"],
    [
      "issue_comment",
      comment("/deploy", { action: "edited", changes: {} }),
      "issue_comment.edited: only a new comment is a command",
    ],
    [
      "issue_comment",
      comment("/deploy", { action: "deleted" }),
      "issue_comment.deleted: only a new comment is a command",
    ],
    ["issue_comment", comment("/deploy", { issue: { number: 5 } }), "issue_comment: not on a pull request"],
    ["issue_comment", comment("/deploy", { sender: robot }), "issue_comment: by a bot"],
    ["merge_group", mergeGroup("destroyed"), "merge_group.destroyed: a merge arrives as a push"],
    ["installation", installation("renamed"), "installation.renamed: nothing changes for targets"],
    ["installation_repositories", installationRepositories([]), "installation_repositories: none"],
  ])("%s %#", (event, payload, because) => {
    expect(deliver(event, payload)).toEqual({ kind: "ignored", because });
  });
});

describe("is malformed, and the field is named", () => {
  const opened = pullRequest("opened");
  const pressed = ownRun("requested_action", "env/12/staging", { requested_action: { identifier: "approve" } });
  test.each<[event: string, payload: unknown, because: string]>([
    ["pull_request", null, "the payload is not an object"],
    ["pull_request", [], "the payload is not an object"],
    ["ping", "ping", "the payload is not an object"],
    ["pull_request", {}, "action is missing: this is not the payload of pull_request"],
    ["pull_request", without(opened, "repository"), "pull_request: repository.id is missing"],
    [
      "pull_request",
      without(opened, "installation"),
      "pull_request: installation is missing: only an App's webhook has it, a repository's own webhook cannot be used",
    ],
    ["pull_request", withField(opened, "action", 5), "pull_request: action is not the name of an action"],
    ["pull_request", withField(opened, "action", "Opened\n"), "pull_request: action is not the name of an action"],
    ["pull_request", withField(opened, "number", "5"), "pull_request: number is not a pull request's number"],
    ["pull_request", withField(opened, "number", 1e21), "pull_request: number is not a pull request's number"],
    ["pull_request", withField(opened, "number", -1), "pull_request: number is not a pull request's number"],
    ["pull_request", withField(opened, "number", 1.5), "pull_request: number is not a pull request's number"],
    [
      "pull_request",
      withField(opened, "pull_request.head.sha", "main"),
      "pull_request: pull_request.head.sha is not a full commit id",
    ],
    [
      "pull_request",
      withField(opened, "pull_request.head.sha", head.toUpperCase()),
      "pull_request: pull_request.head.sha is not a full commit id",
    ],
    ["pull_request", withField(opened, "pull_request.head", null), "pull_request: pull_request.head.sha is missing"],
    [
      "pull_request",
      withField(opened, "repository.full_name", "acme/.."),
      "pull_request: repository.full_name is not owner/name",
    ],
    [
      "pull_request",
      withField(opened, "repository.full_name", "acme/shop/../x"),
      "pull_request: repository.full_name is not owner/name",
    ],
    [
      "pull_request",
      withField(opened, "repository.id", "12"),
      "pull_request: repository.id is not a repository's number",
    ],
    [
      "pull_request",
      withField(opened, "installation.id", 0),
      "pull_request: installation.id is not a positive whole number",
    ],
    ["push", push({ ref: "main" }), "push: ref is not a git ref"],
    ["push", push({ ref: "refs/heads/a..b" }), "push: ref is not a git ref"],
    ["push", push({ ref: "refs/heads/https://evil.example" }), "push: ref is not a git ref"],
    ["push", push({ ref: `refs/heads/${"x".repeat(300)}` }), "push: ref is not a git ref"],
    ["push", push({ after: "abc" }), "push: after is not a full commit id"],
    ["push", push({ deleted: "no" }), "push: deleted is not true or false"],
    ["check_run", checkRun("completed", { head_sha: 5 }), "check_run: check_run.head_sha is not a full commit id"],
    ["check_run", checkRun("completed", { pull_requests: "all" }), "check_run: check_run.pull_requests is not a list"],
    [
      "check_run",
      checkRun("completed", { pull_requests: [inPull(5), {}] }),
      "check_run: check_run.pull_requests.1.base.repo.id is missing",
    ],
    [
      "check_run",
      withField(pressed, "check_run.external_id", null),
      "check_run: check_run.external_id is not a text of at most 255 characters",
    ],
    [
      "check_run",
      withField(pressed, "check_run.external_id", "x".repeat(256)),
      "check_run: check_run.external_id is not a text of at most 255 characters",
    ],
    ["check_run", withField(pressed, "sender.login", "a b"), "check_run: sender.login is not a user's name"],
    ["check_run", without(pressed, "requested_action"), "check_run: requested_action.identifier is missing"],
    ["status", status({ sha: null }), "status: sha is not a full commit id"],
    [
      "issue_comment",
      withField(comment("/deploy"), "comment.body", 5),
      "issue_comment: comment.body is not a comment's text",
    ],
    [
      "issue_comment",
      withField(comment("/deploy"), "comment.created_at", "yesterday"),
      "issue_comment: comment.created_at is not a time",
    ],
    [
      "issue_comment",
      withField(comment("/deploy"), "comment.id", null),
      "issue_comment: comment.id is not a positive whole number",
    ],
    ["issue_comment", withField(comment("/deploy"), "sender", person.login), "issue_comment: sender.login is missing"],
    [
      "installation_repositories",
      installationRepositories([{ id: 12 }]),
      "installation_repositories: repositories_added.0.full_name is missing",
    ],
    [
      "pull_request",
      JSON.parse('{"__proto__": {"action": "opened", "number": 5, "pull_request": {}}}'),
      "action is missing: this is not the payload of pull_request",
    ],
    [
      "pull_request",
      withField(opened, "repository", JSON.parse('{"__proto__": {"id": 12, "full_name": "acme/shop"}}')),
      "pull_request: repository.id is missing",
    ],
  ])("%s %#", (event, payload, because) => {
    expect(deliver(event, payload)).toEqual({ kind: "malformed", because });
  });
});

test("a field is the payload's own, never one that every object has", () => {
  expect(["constructor", "__proto__", "repository.toString"].map((path) => field({ repository: {} }, path))).toEqual(
    Array.from({ length: 3 }),
  );
});

describe("on the queue", () => {
  const opened = messagesOf("pull_request", pullRequest("opened"))[0];
  const [committed, looked] = messagesOf("check_run", checkRun("completed"));
  const env = messagesOf("check_run", ownRun("rerequested", "env/12/staging"))[0];
  const deploy = commandOf("issue_comment", comment("/deploy"));
  const approve = commandOf("issue_comment", comment("/approve"));
  const tick: Message = {
    v: 1,
    kind: "tick",
    target: opened?.kind === "look" ? opened.target : { kind: "preview", repoId: deploy.repoId, number: 5 },
    n: 4,
  };
  const image: Message = {
    v: 1,
    kind: "image",
    delivery: guid,
    receivedAt,
    because: "push",
    repository: "shop-web",
    tag: head,
  };

  test.each<[Message | undefined, group: string, dedup: string]>([
    [opened, "preview/12/5", `${guid}:preview/12/5`],
    [looked, "preview/12/5", `${guid}:preview/12/5`],
    [committed, `commit/12/${head}`, `${guid}:commit`],
    [env, "env/12/staging", `${guid}:env/12/staging`],
    [messagesOf("push", push())[0], "repo/12", `${guid}:branch`],
    [deploy, "preview/12/5", `${guid}:command`],
    [approve, "repo/12", `${guid}:command`],
    [messagesOf("installation", installation("suspend"))[0], "installation/99", `${guid}:installation`],
    [image, `image/shop-web/${head}`, `${guid}:image`],
    [tick, "preview/12/5", "tick:preview/12/5:4"],
  ])("%# has its group and its deduplication id", (message, group, dedup) => {
    if (message === undefined) throw new Error("no message");
    expect([groupOf(message), dedupId(message)]).toEqual([group, dedup]);
  });

  test("a comment is one command under any GUID, a button is one for each", () => {
    const again = deliver("issue_comment", comment("/deploy"), { id: "00000000-0000-0000-0000-000000000000" });
    expect(again.kind === "messages" && again.messages.map((m) => m.kind === "command" && commandId(m))).toEqual([
      commandId(deploy),
    ]);
    const pressed = commandOf(
      "check_run",
      ownRun("requested_action", "env/12/staging", { requested_action: { identifier: "approve" } }),
    );
    expect([commandId(deploy), commandId(pressed)]).toEqual(["comment-77", guid]);
  });
});
