import { OutsideError } from "../core/problem.ts";
import type { Item } from "./table.ts";

/**
 * The format of what a target's partition holds. A field more, which its readers may do without, is no new format: an older
 * Proa keeps it as it stands. Raise this when an older one would act wrongly on what a newer one writes; docs/store.md.
 */
const FORMAT = 1;

/** Written by a newer Proa than this one, which went back to an earlier version: not guessed at, left alone until it is the newer one again. */
export class NewerRecord extends OutsideError {
  constructor({ pk, sk }: Item, format: number) {
    const detail = `${pk} ${sk} is of format ${format}, and this Proa reads up to ${FORMAT}: it is left alone until Proa is upgraded again`;
    super({ code: "invalid", detail, retryable: true });
  }
}

export const formatted = (record: unknown): unknown => ({ v: FORMAT, record });

/** @throws NewerRecord */
export function recordOf<T>(item: Item): { readonly format: number; readonly record: T } {
  const { v, record } = item.value as { readonly v?: number; readonly record?: T };
  // Before records had a format they stood there bare.
  if (v === undefined) return { format: 0, record: item.value as T };
  if (v > FORMAT) throw new NewerRecord(item, v);
  return { format: v, record: record as T };
}
