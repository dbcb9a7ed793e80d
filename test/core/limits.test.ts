import { assert, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { cutAtLine, cutAtWord, fitActions, inBatches } from "../../src/core/limits.ts";

test.each([
  ["what fits stays as it is", "all is well", 20, "all is well"],
  ["line breaks become spaces", "all\n  is\twell ", 20, "all is well"],
  ["a cut falls between words", "all is very well", 12, "all is very…"],
  ["a cut inside a word goes back to the last whole one", "all is wellness", 11, "all is…"],
  ["one long word is cut inside", "a".repeat(30), 10, `${"a".repeat(9)}…`],
  ["a pair of surrogates is never halved", "aa😀😀😀", 4, "aa…"],
])("one line: %s", (_, text, max, expected) => {
  expect(cutAtWord(text, max)).toBe(expected);
});

test("several lines: cut after a whole one, with a note", () => {
  const cut = cutAtLine("a line of text\n".repeat(100), 200);
  expect(cut.length).toBeLessThanOrEqual(200);
  expect(cut).toMatch(
    /^(a line of text\n)+a line of text\n\n… cut here: 1500 characters, and GitHub shows at most 200\.$/,
  );
});

test("several lines: an open code fence is closed before the note", () => {
  const cut = cutAtLine("```\n" + "log line\n".repeat(100) + "```", 200);
  expect(cut).toContain("log line\n```\n\n… cut here");
});

describe("always", () => {
  const texts = string({ unit: "binary", maxLength: 300 });
  test("no cut is longer than asked or halves a character", () => {
    assert(
      property(texts, integer({ min: 100, max: 200 }), (text, max) => {
        for (const cut of [cutAtWord(text, max), cutAtLine(text, max)]) {
          expect(cut.length).toBeLessThanOrEqual(max);
          expect(cut.isWellFormed()).toBe(true);
        }
      }),
    );
  });
});

test("an action's identifier is too dear to cut", () => {
  const action = { label: "Approve", description: "Deploy this commit", identifier: "x".repeat(21) };
  expect(() => fitActions([action])).toThrow("longer than GitHub's 20 characters");
});

test.each([
  [[], []],
  [
    [1, 2, 3],
    [[1, 2], [3]],
  ],
])("%j in batches of two is %j", (items, batches) => {
  expect(inBatches(items, 2)).toEqual(batches);
});
