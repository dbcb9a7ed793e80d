/**
 * What GitHub accepts at most. Lengths are UTF-16 units: never fewer than the characters GitHub counts, so a text that fits
 * here fits there, and no cut falls inside a surrogate pair.
 */
export const LIMIT = {
  /** https://docs.github.com/rest/commits/statuses and /rest/deployments/statuses */
  statusDescription: 140,
  /** `summary` and `text` of a check run's output, each. https://docs.github.com/rest/checks/runs */
  checkOutput: 65_535,
  checkTitle: 255,
  annotationsPerRequest: 50,
  actions: 3,
  actionLabel: 20,
  actionDescription: 40,
  actionIdentifier: 20,
  comment: 65_536,
} as const;

/** One line of at most `max`: cut after a whole word where there is one, `…` in place of the rest. */
export function cutAtWord(text: string, max: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  if (line.length <= max) return line;
  const head = head16(line, max - 1);
  const lastSpace = head.lastIndexOf(" ");
  // A first word longer than half the room is cut inside: losing it would lose the sentence.
  const whole = line[head.length] === " " || lastSpace < max / 2 ? head : head.slice(0, lastSpace);
  return `${whole.trimEnd()}…`;
}

/**
 * Markdown of at most `max`: cut after a whole line, an open code fence closed, and a note of what is missing. What must survive
 * a cut (a hidden marker, the headline) belongs at the top.
 */
export function cutAtLine(text: string, max: number): string {
  if (text.length <= max) return text;
  const note = `\n\n… cut here: ${text.length} characters, and GitHub shows at most ${max}.`;
  const closing = "\n```";
  const head = head16(text, max - note.length - closing.length);
  const lastLine = head.lastIndexOf("\n");
  const whole = lastLine > 0 ? head.slice(0, lastLine) : head;
  return `${whole}${hasOpenFence(whole) ? closing : ""}${note}`;
}

/** A check run's buttons as GitHub takes them. An identifier is never cut: it comes back with the press and must be recognised. */
export function fitActions<
  A extends { readonly label: string; readonly description: string; readonly identifier: string },
>(actions: readonly A[]): { label: string; description: string; identifier: string }[] {
  return actions.slice(0, LIMIT.actions).map(({ label, description, identifier }) => {
    if (identifier.length > LIMIT.actionIdentifier) {
      throw new Error(`action identifier "${identifier}" is longer than GitHub's ${LIMIT.actionIdentifier} characters`);
    }
    return {
      label: cutAtWord(label, LIMIT.actionLabel),
      description: cutAtWord(description, LIMIT.actionDescription),
      identifier,
    };
  });
}

export function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** The first `max` units, one fewer where that would halve a surrogate pair. */
function head16(text: string, max: number): string {
  const last = text.charCodeAt(max - 1);
  const halves = last >= 0xd8_00 && last <= 0xdb_ff;
  return text.slice(0, halves ? max - 1 : max);
}

const hasOpenFence = (markdown: string): boolean => (markdown.match(/^\s*```/gm) ?? []).length % 2 === 1;
