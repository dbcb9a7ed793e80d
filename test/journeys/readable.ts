/** Text without what differs from run to run: commits by their names; digests, ports and seconds left out. */
export function readable(text: string, commits: Readonly<Record<string, string>> = {}): string {
  const named = Object.entries(commits).reduce(
    (rest, [name, sha]) => rest.replaceAll(sha, `<${name}>`).replaceAll(sha.slice(0, 7), `<${name}>`),
    text,
  );
  return named
    .replaceAll(/sha256:[0-9a-f]+/g, "sha256:…")
    .replaceAll(/localhost:\d+/g, "localhost:PORT")
    .replaceAll(/\b(after|running) \d+ s\b/g, "$1 N s");
}
