import { sentenceOf } from "../installation/stop.ts";

/** What one look came to. `unknown` is never good news: it says why nobody could tell. */
export interface Check {
  readonly level: "ok" | "warn" | "fail" | "unknown";
  /** What was looked at, and how it is: "The webhook answers". */
  readonly what: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface Area {
  readonly name: string;
  readonly checks: readonly Check[];
}

/** Something of the outside, or why it could not be read. */
export type Known<T> =
  | { readonly kind: "known"; readonly value: T }
  | { readonly kind: "unknown"; readonly because: string };

export async function known<T>(read: () => Promise<T>): Promise<Known<T>> {
  try {
    return { kind: "known", value: await read() };
  } catch (error) {
    return { kind: "unknown", because: sentenceOf(error) };
  }
}

export const ok = (what: string): Check => ({ level: "ok", what });
export const warn = (what: string, remedy: string): Check => ({ level: "warn", what, remedy });
export const fail = (what: string, remedy: string): Check => ({ level: "fail", what, remedy });
export const unknown = (what: string, because: string): Check => ({ level: "unknown", what: `${what}: ${because}` });

/** The checks of what was read; one `unknown` where it was not. */
export const whenKnown = <T>(fact: Known<T>, what: string, checks: (value: T) => readonly Check[]): readonly Check[] =>
  fact.kind === "known" ? checks(fact.value) : [unknown(`${what} could not be looked at`, fact.because)];

/** 0: all is well, or only worth a look; 1: something does not work; 2: nothing is known to fail, but not everything could be seen. */
export function exitCode(areas: readonly Area[]): 0 | 1 | 2 {
  const levels = areas.flatMap(({ checks }) => checks.map(({ level }) => level));
  return levels.includes("fail") ? 1 : levels.includes("unknown") ? 2 : 0;
}
