import { expect, test } from "vitest";
import { composeComment, MARKER } from "../../src/core/comment.ts";

const part = (name: string, text: string) => ({ kind: "comment", key: name, number: 7, part: name, text }) as const;

test("the preview comes first, then environments by name, then answers; the marker finds the comment again", () => {
  const parts = [
    part("3-staging", "answer"),
    part("2-staging", "staging"),
    part("1-preview", "preview"),
    part("2-production", "production"),
  ];
  expect(composeComment(parts)).toBe(`${MARKER}\n\npreview\n\nproduction\n\nstaging\n\nanswer`);
});

test("a part that was taken out leaves no gap", () => {
  expect(composeComment([part("1-preview", ""), part("2-staging", "staging")])).toBe(`${MARKER}\n\nstaging`);
});
