import type { Millis, RepoId, RepoName } from "../core/names.ts";
import type { Surface } from "../core/words.ts";
import { outboxIndex } from "./store.ts";
import type { Item, Table } from "./table.ts";

/** A place on GitHub that should show something else than it did. */
export interface Want {
  readonly installation: number;
  readonly repo: RepoName;
  readonly surface: Surface;
  readonly attempts: number;
  readonly version: number;
}

/** What a place shows, as far as we know. */
export interface Have {
  /** GitHub's id of the comment, check run or Deployment; null: not made, or made by an attempt whose answer was lost. */
  readonly id: number | null;
  /** Hash of what was last written. */
  readonly shown: string;
  /** Set before a creation is tried: the next attempt searches by our key first. */
  readonly creating: boolean;
  /** How often it was made anew after someone deleted it. */
  readonly recreated: number;
}

/** GitHub's write limits, kept across processes: a bucket per minute and one per hour. */
export interface Budget {
  readonly minute: { readonly left: number; readonly at: Millis };
  readonly hour: { readonly left: number; readonly at: Millis };
}

/** The reporter's side of the outbox; the deployer puts wants in with its own transactions (`store.ts`). */
export interface Outbox {
  due(installation: number, now: Millis, limit: number): Promise<Want[]>;
  /** Every part of one pull request's comment, in the order of their names. */
  parts(installation: number, repoId: RepoId, number: number): Promise<Extract<Surface, { kind: "comment" }>[]>;
  have(installation: number, key: string): Promise<Have | null>;
  putHave(installation: number, key: string, have: Have): Promise<void>;
  /** The want is met; unless it has changed meanwhile, then it stays due. */
  done(want: Want): Promise<void>;
  later(want: Want, at: Millis): Promise<void>;
  budget(installation: number): Promise<Budget | null>;
  putBudget(installation: number, budget: Budget): Promise<void>;
}

export function createOutbox(table: Table): Outbox {
  const key = (installation: number, sk: string) => ({ pk: outboxIndex(installation), sk });
  const put = async (installation: number, sk: string, value: unknown) => {
    await table.write([{ kind: "put", key: key(installation, sk), value, when: { kind: "always" } }]);
  };
  const rewrite = async ({ installation, repo, surface, attempts, version }: Want, due: Item["due"]) => {
    const value = { repo, surface, attempts };
    await table.write([
      { kind: "put", key: key(installation, `want/${surface.key}`), value, when: { kind: "version", version }, due },
    ]);
  };
  return {
    due: async (installation, now, limit) =>
      (await table.due(outboxIndex(installation), now, limit)).map((item) => want(installation, item)),
    parts: async (installation, repoId, number) =>
      (await table.query(outboxIndex(installation), `want/comment/${repoId}/${number}/`)).flatMap((item) => {
        const { surface } = want(installation, item);
        return surface.kind === "comment" ? [surface] : [];
      }),
    have: async (installation, name) =>
      ((await table.get(key(installation, `have/${name}`)))?.value as Have | undefined) ?? null,
    putHave: (installation, name, have) => put(installation, `have/${name}`, have),
    done: (met) => rewrite({ ...met, attempts: 0 }, null),
    later: (again, at) =>
      rewrite({ ...again, attempts: again.attempts + 1 }, { index: outboxIndex(again.installation), at }),
    budget: async (installation) =>
      ((await table.get(key(installation, "budget")))?.value as Budget | undefined) ?? null,
    putBudget: (installation, budget) => put(installation, "budget", budget),
  };
}

function want(installation: number, { value, version }: Item): Want {
  const { repo, surface, attempts } = value as { repo: RepoName; surface: Surface; attempts?: number };
  return { installation, repo, surface, attempts: attempts ?? 0, version };
}
