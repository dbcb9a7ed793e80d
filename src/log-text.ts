import { redactLikely } from "./core/diagnosis-redact.ts";

const MAX_TEXT = 2000;

/** As a log may show it: of bounded length, without what looks like a secret. */
export function text(value: string): string {
  const safe = redactLikely(value);
  return safe.length <= MAX_TEXT ? safe : `${safe.slice(0, MAX_TEXT)}… (${safe.length} characters)`.toWellFormed();
}
