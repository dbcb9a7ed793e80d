import type { Command } from "./message.ts";

/** `argument`: what stands behind the verb, null: nothing. Anything that is not one known name is refused where it is applied. */
export interface CommandText {
  readonly verb: Command["verb"];
  readonly argument: string | null;
}

/**
 * The first command of a comment: a line that begins with `/approve`, `/rollback`, `/release-hold` or `/deploy`. Text that only
 * shows a command (quoted, fenced, indented or hidden in an HTML comment) is none, and neither is a verb we do not know, which
 * is some other bot's.
 */
export function parseCommand(comment: string): CommandText | null {
  for (const line of spokenLines(comment)) {
    const command = /^\/(approve|rollback|release-hold|deploy)(?:[ \t]+(.*))?$/.exec(line.trimEnd());
    if (command !== null) return { verb: command[1] as Command["verb"], argument: plain(command[2] ?? "") };
  }
  return null;
}

/** Quoting and indenting change a line's beginning, so only fences and hidden text have to be followed from line to line. */
function* spokenLines(comment: string): Generator<string> {
  let fence: string | null = null;
  let hidden = false;
  for (const line of comment.split(/\r\n|\r|\n/)) {
    const marker = hidden ? null : fenceMarker(line);
    if (fence !== null) {
      if (marker?.startsWith(fence) && line.trim() === marker) fence = null;
    } else if (marker !== null) {
      fence = marker;
    } else {
      const wasHidden = hidden;
      hidden = line.lastIndexOf("<!--") > line.lastIndexOf("-->") || (hidden && !line.includes("-->"));
      if (!wasHidden) yield line;
    }
  }
}

/** https://github.github.com/gfm/#fenced-code-blocks: with another backtick behind it, it is inline code. */
function fenceMarker(line: string): string | null {
  const [start, marker] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? [];
  if (start === undefined || marker === undefined) return null;
  return marker.startsWith("`") && line.includes("`", start.length) ? null : marker;
}

/**
 * The argument as written, so that a person sees what was refused, but short and without anything that Markdown, a mention or
 * a link could be made of. A name longer than this or with a `?` is no environment's, so nothing becomes valid here.
 */
function plain(written: string): string | null {
  const text = written.trim().replace(/\s+/g, " ");
  return text === "" ? null : text.replace(/[^A-Za-z0-9 ._-]/g, "?").slice(0, 40);
}
