import type { Surface } from "./words.ts";

/** Invisible on GitHub; how our one comment is found again. */
export const MARKER = "<!-- proa:comment -->";

type Part = Extract<Surface, { kind: "comment" }>;

/** The pull request's one comment: the preview's part first, then environments in the order of promotion, then answers. */
export function composeComment(parts: readonly Part[]): string {
  const texts = [...parts]
    .sort((a, b) => a.order - b.order || (a.part < b.part ? -1 : 1))
    .map(({ text }) => text)
    .filter((text) => text !== "");
  return [MARKER, ...texts].join("\n\n");
}
