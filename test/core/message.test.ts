import { expect, test } from "vitest";
import { parseMessage } from "../../src/core/message-parse.ts";
import { preview, repo, staging } from "./decision-fixture.ts";

const from = { v: 1, delivery: "d", installation: 3, repo, receivedAt: 0, because: "test" };
const look = { ...from, kind: "look", target: preview, sha: null };
const tick = { v: 1, kind: "tick", target: staging, n: 4 };

test.each([
  look,
  tick,
  { ...from, kind: "commit" },
  { ...from, kind: "branch" },
  { ...from, kind: "image" },
  { ...from, kind: "command" },
  { ...from, kind: "installation" },
])("a $kind message is taken as it is", (message) => {
  expect(parseMessage(message)).toBe(message);
});

test.each([
  ["no object", "look", "the message is not an object"],
  ["nothing", null, "the message is not an object"],
  ["an unknown kind", { ...look, kind: "peek" }, "the message is of no known kind: peek"],
  ["a kind that every object has", { ...look, kind: "constructor" }, "the message is of no known kind: constructor"],
  ["another version", { ...look, v: 2 }, "the look message is of format 2, this is format 1"],
  ["no target", { ...look, target: undefined }, "the look message names no target"],
  ["a tick for no target", { ...tick, target: null }, "the tick message names no target"],
  [
    "a target that is none",
    { ...tick, target: { ...staging, environment: "a/b" } },
    "the tick message names no target",
  ],
])("%s is refused, and the queue keeps it for a person", (_, body, message) => {
  expect(() => parseMessage(body)).toThrow(message);
});
