import type { Trouble } from "./sabotage-worlds.ts";

/** What breaks when the safeguard is gone: what was read is old by now, a process died between two steps, an event never came, or it shows elsewhere. */
export type Kind = "stale state" | "intermediate state" | "unobserved state" | "indirect";

/** One safeguard of the product, taken out by an edit of one file's text. */
export interface Sabotage {
  readonly name: string;
  readonly kind: Kind;
  /** From the root of the repository. */
  readonly file: string;
  /** Exactly as it stands in the file, once. */
  readonly find: string;
  readonly replace: string;
  /** Where it is missed soonest. */
  readonly in: Trouble;
}

/** The file's text with the safeguard taken out. Throws where the text to replace is not there exactly once. */
export function sabotaged({ name, file, find, replace }: Sabotage, source: string): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(
    `"${name}": its text is ${parts.length - 1} times in ${file}. The file has changed: find where the safeguard is now, and correct the row in sabotage-table.ts`,
  );
}
