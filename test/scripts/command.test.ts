import { expect, test } from "vitest";
import { defineCommand } from "../../scripts/installation/command.ts";
import { sentenceOf, Stop } from "../../scripts/installation/stop.ts";
import { confirmed } from "../../scripts/installation/terminal.ts";
import { person } from "./person.ts";

const options = { loud: { type: "boolean", default: false } } as const;
const command = defineCommand({ usage: "usage of it", options }, async ({ values }) => (values.loud ? 7 : 0));

test("a command does what it is asked, explains itself, and says what it does not know", async () => {
  expect(await command(["--loud"], person())).toBe(7);
  const curious = person();
  expect(await command(["--help"], curious)).toBe(0);
  expect(curious.shown()).toBe("usage of it");
  const mistaken = person();
  expect(await command(["--lout"], mistaken)).toBe(2);
  expect(mistaken.shown()).toContain("Unknown option '--lout'");
  expect(mistaken.shown()).toContain("usage of it");
});

test("what is named without being asked for is not passed over", async () => {
  const mistaken = person();
  expect(await command(["everything"], mistaken)).toBe(2);
  expect(mistaken.shown()).toContain("It takes nothing but options, and was given everything.");
  const queue = defineCommand({ usage: "usage", options, takes: ["queue"] }, async () => 0);
  expect(await queue([], person())).toBe(2);
  expect(await queue(["tick"], person())).toBe(0);
});

test.each([
  ["--apply says yes", true, [], true],
  ["a yes", false, ["yes"], true],
  ["a y", false, ["Y"], true],
  ["anything else", false, ["yellow"], false],
  ["nobody", false, [], false],
])("%s", async (_, apply, answers, done) => {
  expect(await confirmed(apply, person(...answers), "Do it?")).toBe(done);
});

test.each([
  [new Stop("do this"), "do this"],
  [
    new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") }),
    "connect ECONNREFUSED 127.0.0.1:1",
  ],
  [Object.assign(new Error("x"), { name: "ExpiredToken" }), "your AWS credentials have expired: log in again"],
  [Object.assign(new Error("no such queue"), { name: "QueueDoesNotExist" }), "QueueDoesNotExist: no such queue"],
  ["just text", "just text"],
])("%s is told as: %s", (error, told) => {
  expect(sentenceOf(error)).toBe(told);
});
