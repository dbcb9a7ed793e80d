import { expect, test } from "vitest";
import { composeComment, MARKER } from "../../src/core/comment.ts";

const part = (name: string, text: string, order = 0) =>
  ({ kind: "comment", key: name, number: 7, part: name, order, text }) as const;

test("the preview comes first, then environments in the order of promotion, then answers; the marker finds the comment again", () => {
  const parts = [
    part("3-staging", "answer", 100),
    part("2-staging", "staging", 1),
    part("1-preview", "preview"),
    part("2-production", "production", 2),
  ];
  expect(composeComment(parts)).toBe(`${MARKER}\n\npreview\n\nstaging\n\nproduction\n\nanswer`);
});

test("a part that was taken out leaves no gap", () => {
  expect(composeComment([part("1-preview", ""), part("2-staging", "staging")])).toBe(`${MARKER}\n\nstaging`);
});
