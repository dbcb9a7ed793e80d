import type { Millis } from "../core/names.ts";

/**
 * One table of JSON items under a partition and a sort key, with conditional writes and transactions: what DynamoDB and one
 * SQLite file can both do. Everything Proa remembers is in it; `store.ts` gives the items their meaning.
 */
export interface Table {
  /** As it is now: every write that was answered before is seen. */
  get(key: Key): Promise<Item | null>;
  /** Items of one partition whose sort key begins with `prefix`, in the order of the sort key; as they are now. */
  query(pk: string, prefix?: string): Promise<Item[]>;
  /**
   * Items of the sparse index `due.index` whose time has come, earliest first. The index may be a moment behind: an item that
   * became due just now may be missing. One that is not due any more is never given.
   */
  due(index: string, before: Millis, limit: number): Promise<Item[]>;
  /**
   * All writes or none, each of another item. `conflict`: a condition did not hold and nothing was written.
   * @throws OutsideError `unknown-result` where the answer was lost, `unavailable` where nothing was written, `invalid` where
   * it is more than the table takes (`table-limits.ts`)
   */
  write(writes: readonly Write[]): Promise<"written" | "conflict">;
}

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

export interface Item extends Key {
  readonly value: unknown;
  /** Grows with every write of the item; what `{ version }` compares. */
  readonly version: number;
  readonly due: { readonly index: string; readonly at: Millis } | null;
}

export type Write = PutWrite | DeleteWrite;

export interface PutWrite {
  readonly kind: "put";
  readonly key: Key;
  readonly value: unknown;
  readonly when: Condition;
  readonly due?: { readonly index: string; readonly at: Millis } | null;
  /** From then on it is as if it were not there; the table throws it away in its own time. */
  readonly expiresAt?: Millis;
}

export interface DeleteWrite {
  readonly kind: "delete";
  readonly key: Key;
  readonly when: Condition;
}

export type Condition =
  | { readonly kind: "always" }
  | { readonly kind: "absent" }
  | { readonly kind: "version"; readonly version: number };

/** What a write conditions on that comes after reading `version`; 0: there was nothing. */
export const unchanged = (version: number): Condition =>
  version === 0 ? { kind: "absent" } : { kind: "version", version };
