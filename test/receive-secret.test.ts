import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../src/secret.ts";

const canary = "canary-7f3a";
const secret = new Secret(canary);

test.each<[title: string, print: () => string]>([
  ["a text", () => String(secret)],
  ["JSON", () => JSON.stringify({ secret, all: [secret] })],
  ["console.log", () => format("%s %o %j", secret, secret, secret)],
  ["a dump of what holds it", () => inspect({ deep: { secret } }, { depth: 9, showHidden: true, getters: true })],
  ["the cause of an error", () => inspect(new Error("sign", { cause: secret }))],
  ["its own fields", () => JSON.stringify(Object.entries(secret)) + Reflect.ownKeys(secret).map(String).join()],
  ["a copy", () => inspect(structuredClone(secret))],
])("%s does not show it", (_, print) => {
  expect(print()).not.toContain(canary);
});

test("it is had by asking", () => {
  expect(secret.reveal()).toBe(canary);
});

test("an empty one is refused: anybody could sign with it", () => {
  expect(() => new Secret("")).toThrow("a secret is empty");
});
