/**
 * Takes secrets out of a text that will stand on GitHub: the values we know, and what looks like one. Logs are the application's own
 * words, so this is a net with holes; `includeLogs: false` is for repositories that anyone can read.
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  // Shorter "secrets" are words and numbers: hiding each `true` or `80` would only make the text unreadable.
  const known = secrets.filter((secret) => secret.trim().length >= 6).sort((a, b) => b.length - a.length);
  return redactLikely(known.reduce((rest, secret) => rest.replaceAll(secret, SECRET), text));
}

/** What looks like a secret, where none is known. */
export const redactLikely = (text: string): string =>
  PATTERNS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);

const SECRET = "[secret]";

/** Whoever writes the log chooses the text: each pattern begins at one place per word and is bounded, so none runs away on it. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Without an end it was cut off by the line limit: then the rest of the text belongs to it.
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g, SECRET],
  // Installation tokens are `ghs_<app>_<JWT>` since 2026, of no fixed length.
  [/\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_.-]{10,}/g, SECRET],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, SECRET],
  [/(?<![\w-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g, SECRET],
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:@/]*:)[^\s@/]+@/gi, `$1${SECRET}@`],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${SECRET}`],
  [
    /((?<![\w.-])[\w.-]{0,80}(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)[\w.-]{0,80}["']?[^\S\n]{0,8}[=:]\s{0,8})("[^"]*"|'[^']*'|[^\s,;&"'[\]]+)/gi,
    `$1${SECRET}`,
  ],
];
