import type { WriteBudget } from "../core/budget.ts";
import type { Millis, RepoId, RepoName, Sha } from "../core/names.ts";
import type { Surface } from "../core/words.ts";
import { outboxIndex, repoMetaKey, type RepoMeta } from "./store.ts";
import type { Item, Table } from "./table.ts";

/** A place on GitHub that should show something else than it did. */
export interface Want {
  readonly installation: number;
  /** As it was called when this was wanted. */
  readonly repo: RepoName;
  readonly repoId: RepoId;
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
  /** A Deployment's commit: it is searched by it, and a later want may not know it any more. */
  readonly sha?: Sha;
  /** How often it was made anew after someone deleted it. */
  readonly recreated: number;
}

/** A place as it was read. Whoever creates something there saves that first, so that of two at once one is stopped before it writes. */
export interface Place {
  readonly have: Have | null;
  /** @throws Overtaken when somebody else has saved since it was read */
  readonly save: (have: Have) => Promise<void>;
}

/** Another reporter works on the same installation: this one was held up for so long that its message was given to a second one. */
export class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** The reporter's side of the outbox; the deployer puts wants in with its own transactions (`store.ts`). */
export interface Outbox {
  due(installation: number, now: Millis, limit: number): Promise<Want[]>;
  /** Every part of one pull request's comment, in the order of their names. */
  parts(installation: number, repoId: RepoId, number: number): Promise<Extract<Surface, { kind: "comment" }>[]>;
  place(installation: number, key: string): Promise<Place>;
  /**
   * The want is met; unless it has changed meanwhile, then it is due (again): a process that was held up for minutes may have
   * written over what another one was done with.
   */
  done(want: Want): Promise<void>;
  later(want: Want, at: Millis): Promise<void>;
  /** What the deployer knows a repository by; null: it knows none of that number. */
  nameOf(repoId: RepoId): Promise<RepoName | null>;
  /** GitHub's write limits, kept across processes. */
  budget(installation: number): Promise<WriteBudget | null>;
  putBudget(installation: number, budget: WriteBudget): Promise<void>;
}

export function createOutbox(table: Table): Outbox {
  const key = (installation: number, sk: string) => ({ pk: outboxIndex(installation), sk });
  const put = async (installation: number, sk: string, value: unknown) => {
    await table.write([{ kind: "put", key: key(installation, sk), value, when: { kind: "always" } }]);
  };
  const rewrite = async ({ installation, repo, repoId, surface, attempts, version }: Want, due: Item["due"]) => {
    const value = { repo, repoId, surface, attempts };
    return table.write([
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
    async place(installation, name) {
      const item = await table.get(key(installation, `have/${name}`));
      let version = item?.version ?? 0;
      return {
        have: (item?.value as Have | undefined) ?? null,
        async save(have) {
          const when = version === 0 ? ({ kind: "absent" } as const) : ({ kind: "version", version } as const);
          const write = { kind: "put", key: key(installation, `have/${name}`), value: have, when } as const;
          if ((await table.write([write])) === "conflict") throw new Overtaken(name);
          version++;
        },
      };
    },
    async done(met) {
      if ((await rewrite({ ...met, attempts: 0 }, null)) === "written") return;
      const { installation, surface } = met;
      const present = await table.get(key(installation, `want/${surface.key}`));
      if (present?.due === null)
        await rewrite(want(installation, present), { index: outboxIndex(installation), at: 0 });
    },
    async later(again, at) {
      await rewrite({ ...again, attempts: again.attempts + 1 }, { index: outboxIndex(again.installation), at });
    },
    nameOf: async (repoId) => ((await table.get(repoMetaKey(repoId)))?.value as RepoMeta | undefined)?.name ?? null,
    budget: async (installation) =>
      ((await table.get(key(installation, "writes")))?.value as WriteBudget | undefined) ?? null,
    putBudget: (installation, budget) => put(installation, "writes", budget),
  };
}

function want(installation: number, { value, version }: Item): Want {
  const { attempts, ...wanted } = value as Pick<Want, "repo" | "repoId" | "surface"> & { readonly attempts?: number };
  return { ...wanted, installation, attempts: attempts ?? 0, version };
}
