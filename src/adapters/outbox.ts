import type { WriteBudget } from "../core/budget.ts";
import type { Millis, RepoId, RepoName, Sha } from "../core/names.ts";
import type { Surface } from "../core/words.ts";
import type { RepoMeta } from "./store.ts";
import { outboxKey as key, repoMetaKey } from "./store-keys.ts";
import { type Item, type Table, unchanged, type Write } from "./table.ts";

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

/**
 * The reporter's side of the outbox; the deployer puts wants in with its own transactions (`store-save.ts`). A want stays where it
 * is for good, so that its version only grows; beside it stands when it is due, for as long as it is. So what is due is found
 * by a consistent read, which does not grow with what was ever shown: a reporter that is called right after the transaction
 * finds it there, as it would not in an index.
 */
export interface Outbox {
  /** Those whose time has come, the longest due first. */
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
  const put = async (installation: number, sk: string, value: unknown) => {
    await table.write([{ kind: "put", key: key(installation, sk), value, when: { kind: "always" } }]);
  };
  const rewrite = (
    { installation, repo, repoId, surface, attempts, version }: Want,
    dueAt: Millis | null,
  ): Promise<"written" | "conflict"> => {
    const value = { repo, repoId, surface, attempts };
    const due = key(installation, `due/${surface.key}`);
    const write: Write =
      dueAt === null
        ? { kind: "delete", key: due, when: { kind: "always" } }
        : { kind: "put", key: due, value: { at: dueAt }, when: { kind: "always" } };
    return table.write([
      { kind: "put", key: key(installation, `want/${surface.key}`), value, when: { kind: "version", version } },
      write,
    ]);
  };
  return {
    due: async (installation, now, limit) => {
      const { pk, sk } = key(installation, "due/");
      const due = (await table.query(pk, sk))
        .map((item) => ({ name: item.sk.slice(sk.length), at: (item.value as { at: Millis }).at }))
        .filter(({ at }) => at <= now)
        .sort((a, b) => a.at - b.at)
        .slice(0, limit);
      const wants = await Promise.all(due.map(({ name }) => table.get(key(installation, `want/${name}`))));
      return wants.flatMap((item) => (item === null ? [] : [want(installation, item)]));
    },
    parts: async (installation, repoId, number) =>
      (await table.query(key(installation, "").pk, `want/comment/${repoId}/${number}/`)).flatMap((item) => {
        const { surface } = want(installation, item);
        return surface.kind === "comment" ? [surface] : [];
      }),
    async place(installation, name) {
      const item = await table.get(key(installation, `have/${name}`));
      let version = item?.version ?? 0;
      return {
        have: (item?.value as Have | undefined) ?? null,
        async save(have) {
          const when = unchanged(version);
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
      const due = await table.get(key(installation, `due/${surface.key}`));
      if (present !== null && due === null) await rewrite(want(installation, present), 0);
    },
    async later(again, at) {
      await rewrite({ ...again, attempts: again.attempts + 1 }, at);
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
