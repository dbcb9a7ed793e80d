/**
 * `*` is any run of characters in one path segment, `?` one character, `**` any number of whole segments. No brackets, no
 * braces, no negation: what the file does not need cannot be misread. Linear enough for any pattern an author may write.
 */
export function matchesGlob(glob: string, path: string): boolean {
  return matches(glob.split("/"), path.split("/"), "**", (pattern, segment) =>
    matches(Array.from(pattern), Array.from(segment), "*", (letter, other) => letter === "?" || letter === other),
  );
}

/** null: fine. Otherwise what is wrong with it, as a remedy. */
export function globMistake(glob: string): string | null {
  if (glob === "" || glob.startsWith("/")) return "write a path from the repository's root, without a leading `/`";
  const segments = glob.split("/");
  if (segments.includes("..") || segments.includes("."))
    return "write a path from the repository's root, without `.` and `..`";
  if (glob.endsWith("/")) return `write \`${glob}**\` for everything below the folder`;
  if (segments.includes("")) return "remove the doubled `/`";
  if (/[[\]{}!\\]/.test(glob)) return "use only `*`, `?` and `**`; write two entries instead of braces or brackets";
  if (segments.some((segment) => segment.includes("**") && segment !== "**"))
    return "let `**` stand alone between slashes, as in `packages/**/*.json`";
  return null;
}

/** Wildcard matching that returns to the last star only, so it never explodes; the same walk serves letters and segments. */
function matches<T>(
  pattern: readonly T[],
  input: readonly T[],
  star: T,
  same: (pattern: T, input: T) => boolean,
): boolean {
  let [p, i, resume, taken] = [0, 0, -1, 0];
  while (i < input.length) {
    const [wanted, found] = [pattern[p], input[i]];
    if (wanted === star) {
      resume = p++;
      taken = i;
    } else if (wanted !== undefined && found !== undefined && same(wanted, found)) {
      p++;
      i++;
    } else if (resume >= 0) {
      p = resume + 1;
      i = ++taken;
    } else return false;
  }
  return pattern.slice(p).every((rest) => rest === star);
}
