import { expect, test } from "vitest";
import { parseMessage, parseReport } from "../../src/core/message-parse.ts";
import { preview, repo, repoId, sha, staging } from "./decision-fixture.ts";

const from = { v: 1, delivery: "d", installation: 3, repo, receivedAt: 0, because: "test" };
const look = { ...from, kind: "look", target: preview, sha: null };
const tick = { v: 1, kind: "tick", target: staging, n: 4 };
const branch = { ...from, kind: "branch", repoId, branch: "release/2.x", sha: sha("a") };
const image = { v: 1, kind: "image", delivery: "d", receivedAt: 0, because: "test", repository: "acme/web", tag: "t" };
const command = {
  ...from,
  kind: "command",
  repoId,
  target: null,
  command: {
    verb: "approve",
    environment: "staging",
    actor: { login: "ada", id: 7 },
    at: 0,
    source: { kind: "comment", number: 5, commentId: 77 },
  },
};
const button = {
  ...command,
  target: staging,
  command: {
    ...command.command,
    source: { kind: "button", sha: sha("a"), checkRunId: 3, externalId: "env/12/staging@4" },
  },
};
const installation = {
  v: 1,
  kind: "installation",
  delivery: "d",
  installation: 3,
  receivedAt: 0,
  because: "test",
  change: "active",
  repositories: [{ id: repoId, name: repo, change: "added" }],
};

test.each([
  look,
  { ...look, sha: sha("a") },
  tick,
  { ...from, kind: "commit", repoId, sha: sha("a") },
  branch,
  image,
  command,
  button,
  installation,
])("a $kind message is taken as it is", (message) => {
  expect(parseMessage(message)).toBe(message);
});

test.each([look, tick, { ...from, kind: "commit", repoId, sha: sha("a") }, branch, image])(
  "while Proa is rolled back, a $kind message of a later version is followed as the hint it is",
  (message) => {
    expect(parseMessage({ ...message, v: 2, more: "than this version knows" })).toMatchObject(message);
  },
);

test.each([
  ["no object", "look", "the message is not an object"],
  ["nothing", null, "the message is not an object"],
  ["an unknown kind", { ...look, kind: "peek" }, "the message is of no known kind: peek"],
  ["a kind that every object has", { ...look, kind: "constructor" }, "the message is of no known kind: constructor"],
  ["a kind that cannot be printed", { ...look, kind: { toString: 1, valueOf: 1 } }, 'no known kind: {"toString":1'],
  ["an order of a later version", { ...command, v: 2 }, "the command message is of format 2, this is format 1"],
  ["a change of a later version", { ...installation, v: 2 }, "the installation message is of format 2"],
  ["a hint of a later version that says less", { ...look, v: 2, repo: undefined }, "repo is missing"],
  ["an earlier version", { ...look, v: 0 }, "the look message is of format 0, this is format 1"],
  ["no version", { ...look, v: "2" }, "the look message is of format 2, this is format 1"],
  ["no target", { ...look, target: undefined }, "the look message cannot be read: target is missing"],
  ["a tick for no target", { ...tick, target: null }, "the tick message cannot be read: target is not a target"],
  ["a target that is none", { ...tick, target: { ...staging, environment: "a/b" } }, "target is not a target"],
  ["a target of no known kind", { ...tick, target: { ...staging, kind: "cluster" } }, "target is not a target"],
  ["a target with its number as text", { ...tick, target: { ...preview, number: "7" } }, "target is not a target"],
  ["a target with its repository as text", { ...tick, target: { ...preview, repoId: "12" } }, "target is not a target"],
  [
    "a target with a list for a name",
    { ...tick, target: { ...staging, environment: ["a"] } },
    "target is not a target",
  ],
  ["half a commit", { ...look, sha: "a".repeat(39) }, "the look message cannot be read: sha is not a full commit id"],
  ["a repository that leads elsewhere", { ...look, repo: "acme/.." }, "repo is not owner/name"],
  ["a branch that leads elsewhere", { ...branch, branch: "../../x" }, "branch is not a branch's name"],
  ["an image that leads elsewhere", { ...image, repository: "acme/../x" }, "repository is not an image's repository"],
  ["a tag that leads elsewhere", { ...image, tag: "a/../b" }, "tag is not an image's tag"],
  ["no installation", { ...look, installation: undefined }, "installation is missing"],
  ["an unknown verb", { ...command, command: { ...command.command, verb: "destroy" } }, "command.verb is not approve"],
  [
    "an order for another repository's environment",
    { ...button, target: { ...staging, repoId: 13 } },
    "the command message cannot be read: target is another repository's",
  ],
  ["an unknown change", { ...installation, change: "sold" }, "change is not suspended, active, deleted"],
  ["a repository without a name", { ...installation, repositories: [{ id: 1 }] }, "repositories.0.name is missing"],
])("%s is refused, and the queue keeps it for a person", (_, body, message) => {
  expect(() => parseMessage(body)).toThrow(message);
});

test("a report names its installation", () => {
  expect(parseReport({ v: 1, kind: "report", installation: 3 })).toBe(3);
  expect(() => parseReport({ v: 1, kind: "report" })).toThrow("installation is missing");
  expect(() => parseReport(null)).toThrow("installation is missing");
});
