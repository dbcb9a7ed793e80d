import { OutsideError } from "../core/problem.ts";
import type { DeleteWrite, Key, PutWrite, Write } from "./table.ts";

/**
 * What DynamoDB takes at most. Every table refuses the same, so that what runs on a laptop runs there.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
export const MOST_WRITES = 100;
export const MOST_ITEM_BYTES = 400 * 1024;
const MOST_TRANSACTION_BYTES = 4 * 1024 * 1024;
/** Names of attributes, numbers and the write's id count as well. */
const ATTRIBUTES_BYTES = 512;

export type Encoded = (PutWrite & { readonly text: string }) | DeleteWrite;

/**
 * The writes with their values as text.
 * @throws OutsideError `invalid` where an item or all of them together are too large
 */
export function encode(writes: readonly Write[]): Encoded[] {
  refuseMany(writes);
  let total = 0;
  return writes.map((write) => {
    if (write.kind === "delete") return write;
    const key = keyText(write.key);
    const text = JSON.stringify(write.value);
    const bytes = Buffer.byteLength(text) + Buffer.byteLength(key) + ATTRIBUTES_BYTES;
    if (bytes > MOST_ITEM_BYTES) throw tooLarge(key, bytes, MOST_ITEM_BYTES);
    total += bytes;
    if (total > MOST_TRANSACTION_BYTES) throw tooLarge(`a transaction with ${key}`, total, MOST_TRANSACTION_BYTES);
    return { ...write, text };
  });
}

/** Too many writes, or two of one item: a mistake of the caller's, whatever they say. */
export function refuseMany(writes: readonly Write[]): void {
  if (writes.length > MOST_WRITES)
    throw new Error(`${writes.length} writes in one transaction, and a table takes ${MOST_WRITES}`);
  const keys = new Set<string>();
  for (const { key } of writes) {
    if (keys.has(keyText(key))) throw new Error(`${keyText(key)} is written twice in one transaction`);
    keys.add(keyText(key));
  }
}

export const keyText = ({ pk, sk }: Key): string => `${pk} ${sk}`;

function tooLarge(what: string, bytes: number, most: number): OutsideError {
  const detail = `${what} has ${kilobytes(bytes)} KB, and the table takes ${kilobytes(most)} KB`;
  const advice = `${detail}: Proa cannot remember so much of one target, and changes nothing about it until it is less`;
  return new OutsideError({ code: "invalid", detail, retryable: false, advice });
}

const kilobytes = (bytes: number): number => Math.ceil(bytes / 1024);
