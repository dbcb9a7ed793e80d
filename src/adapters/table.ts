import type { Millis } from "../core/names.ts";

/**
 * One table of JSON items under a partition and a sort key, with conditional writes and transactions: what DynamoDB and one
 * SQLite file can both do. Everything Proa remembers is in it; `store.ts` gives the items their meaning.
 */
export interface Table {
  get(key: Key): Promise<Item | null>;
  /** Items of one partition whose sort key begins with `prefix`, in the order of the sort key. */
  query(pk: string, prefix?: string): Promise<Item[]>;
  /** Items of the sparse index `due.index` whose time has come, earliest first. */
  due(index: string, before: Millis, limit: number): Promise<Item[]>;
  /** All writes or none, each of another item. `conflict`: a condition did not hold and nothing was written. */
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

export type Write = PutWrite | { readonly kind: "delete"; readonly key: Key; readonly when: Condition } | CheckWrite;

interface PutWrite {
  readonly kind: "put";
  readonly key: Key;
  readonly value: unknown;
  readonly when: Condition;
  /** For `notOlder`: the writer's place in the order of writers, usually a revision. */
  readonly order?: number;
  readonly due?: { readonly index: string; readonly at: Millis } | null;
}

interface CheckWrite {
  readonly kind: "check";
  readonly key: Key;
  readonly when: Condition;
}

export type Condition =
  | { readonly kind: "always" }
  | { readonly kind: "absent" }
  | { readonly kind: "version"; readonly version: number }
  /** Absent, or the stored order is not above this write's. */
  | { readonly kind: "notOlder" };
