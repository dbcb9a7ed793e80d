import type { Surface } from "./words.ts";

/** Invisible on GitHub; how our one comment is found again. */
export const MARKER = "<!-- proa:comment -->";

type Part = Extract<Surface, { kind: "comment" }>;

/** The pull request's one comment: the preview's part first, then environments by name, then answers. Empty parts are left out. */
export function composeComment(parts: readonly Part[]): string {
  const texts = [...parts]
    .sort((a, b) => (a.part < b.part ? -1 : 1))
    .map(({ text }) => text)
    .filter((text) => text !== "");
  return [MARKER, ...texts].join("\n\n");
}
