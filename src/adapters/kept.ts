import type { Millis } from "../core/names.ts";

/** A value that is fetched when it is needed, once for all who ask at the same time, and kept until a time of its own. */
export interface Kept<T> {
  /** A failure is not kept: whoever asks next asks anew. */
  get(): Promise<T>;
  /** It turned out to be no good. Nothing happens where another has taken its place already. */
  drop(value: T): void;
}

export function kept<T>(
  now: () => Millis,
  fetch: (former: T | null) => Promise<{ readonly value: T; readonly until: Millis }>,
): Kept<T> {
  let current: { readonly value: T; readonly until: Millis } | null = null;
  let coming: Promise<T> | null = null;

  async function fetched(): Promise<T> {
    current = await fetch(current?.value ?? null);
    return current.value;
  }

  return {
    async get() {
      if (current !== null && now() < current.until) return current.value;
      coming ??= fetched().finally(() => (coming = null));
      return coming;
    },
    drop(value) {
      if (current?.value === value) current = { value, until: 0 };
    },
  };
}
