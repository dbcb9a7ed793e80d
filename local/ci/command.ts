/** A command line as an image's `Cmd`: its words, or a shell to read it where it needs one (`$PORT`, pipes, `A=b node …`). */
export function splitCommand(line: string): string[] {
  if (/[|&;<>()$`\\*?[\]{}~#!\n]/.test(line) || /^\s*\w+=/.test(line)) return ["sh", "-c", line];
  const words = [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) => word);
  return words.map((word) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
