import type { Command } from "../core/message.ts";
import {
  type Digest,
  type Millis,
  type RepoId,
  type RepoName,
  type Revision,
  type Sha,
  type Target,
} from "../core/names.ts";
import { type CommandRecord, type Hold, newTarget, type Release, type TargetState } from "../core/state.ts";
import type { Surface } from "../core/words.ts";
import { formatted, NewerRecord, recordOf } from "./store-format.ts";
import {
  digestKey,
  glanceKey,
  releaseKey,
  repoKey,
  repoMetaKey,
  sweepKey,
  TARGETS_DUE,
  targetKey,
} from "./store-keys.ts";
import { glanceOf, holdsAfter, writesOf } from "./store-save.ts";
import { MOST_WRITES } from "./table-limits.ts";
import { type Item, type Table, unchanged } from "./table.ts";

export interface KnownTarget {
  readonly state: TargetState | null;
  /** What `save` conditions on; 0: there was nothing. */
  readonly version: number;
  /** Not applied yet, oldest first; at most `MOST_COMMANDS`, and then there may be more. */
  readonly commands: readonly CommandRecord[];
  readonly holds: readonly Hold[];
  /** What the sweeps see of it; null: nothing yet. */
  readonly glance: Glance | null;
}

/** More than people ever order at once, and few enough for one transaction to apply them all. */
export const MOST_COMMANDS = 20;

/** A target as a sweep compares it with GitHub and the clusters, all of a repository's in a few reads. */
export interface Glance {
  readonly target: Target;
  /** The pull request's head that was last seen. */
  readonly head: Sha | null;
  readonly wanted: Sha | null;
  readonly gatheredAt: Millis;
  readonly removing: boolean;
  /** By cluster, the uid of its namespace. */
  readonly places: Readonly<Record<string, string>>;
}

/** Slots of a repository's previews. */
export interface Slots {
  readonly version: number;
  readonly held: readonly number[];
  readonly queue: readonly number[];
}

export interface RepoMeta {
  readonly id: RepoId;
  readonly name: RepoName;
  readonly installation: number;
  readonly active: boolean;
}

/** Everything that changes with one step of the walk, in one transaction. */
export interface Save {
  readonly known: KnownTarget;
  readonly next: TargetState;
  /** What GitHub should show, each no sooner than its time: what may change again in a moment can wait for that. */
  readonly surfaces: readonly { readonly surface: Surface; readonly notBefore: Millis }[];
  readonly release?: Release;
  readonly applied?: readonly { readonly id: string; readonly at: Millis }[];
  readonly holds?: { readonly put: readonly Hold[]; readonly remove: readonly string[] };
  readonly slots?: { readonly before: Slots; readonly held: readonly number[]; readonly queue: readonly number[] };
  /** Topics (`commit/…`, `image/…`) this target waits for, and those it no longer does. */
  readonly waiting?: { readonly on: readonly string[]; readonly off: readonly string[] };
  readonly digests?: readonly { readonly image: string; readonly tag: string; readonly digest: Digest }[];
}

/** What Proa remembers, by meaning. Nothing is cached. */
export interface Store {
  /** @throws NewerRecord */
  load(target: Target): Promise<KnownTarget>;
  /** `conflict`: another worker wrote this target, or took a slot, first; the step was not written. */
  save(save: Save): Promise<{ kind: "saved"; known: KnownTarget } | { kind: "conflict" }>;
  release(target: Target, rev: Revision): Promise<Release | null>;
  releases(target: Target): Promise<Release[]>;
  /** Kept by delivery id: a redelivery of the same command finds it there. `known`: it was there already. */
  putCommand(target: Target, id: string, command: Command): Promise<"stored" | "known">;
  /** Targets whose wake has come, the longest overdue first; one that became so just now may be missing. */
  overdue(now: Millis, limit: number): Promise<TargetState[]>;
  /** Every target the repository ever had; their number only grows. */
  targetsOf(repoId: RepoId, kind?: Target["kind"]): Promise<Target[]>;
  /** Those that a sweep has not put aside. */
  glances(repoId: RepoId): Promise<Glance[]>;
  /** Closed and gone: no sweep looks at them again until something is saved of them. */
  putAside(targets: readonly Target[]): Promise<void>;
  waiters(topic: string): Promise<{ target: Target; installation: number; repo: RepoName }[]>;
  slots(repoId: RepoId): Promise<Slots>;
  /** The digest a tag was first resolved to; what was tested is what runs, wherever the tag moves. */
  digest(repoId: RepoId, image: string, tag: string): Promise<Digest | null>;
  repo(repoId: RepoId): Promise<RepoMeta | null>;
  repos(): Promise<RepoMeta[]>;
  putRepo(meta: RepoMeta): Promise<void>;
  /** One holder at a time; false: someone else has it. Expires by itself. */
  lease(name: string, now: Millis, forMs: Millis): Promise<boolean>;
  endLease(name: string): Promise<void>;
  cursor(name: string): Promise<unknown>;
  putCursor(name: string, value: unknown): Promise<void>;
}

export function createStore(table: Table): Store {
  return {
    load: async (target) => {
      const { pk } = targetKey(target, "");
      // Holds are part of the record: read apart from it they could be older than it is.
      const [item, commands] = await Promise.all([table.get({ pk, sk: "state" }), table.query(pk, "command/")]);
      const pending = commands
        .map((command) => recordOf<CommandRecord>(command).record)
        .filter(({ appliedAt }) => appliedAt === null);
      pending.sort((a, b) => a.command.at - b.command.at || (a.id < b.id ? -1 : 1));
      const { state, holds } = item === null ? { state: null, holds: [] } : await stateOf(item, table);
      return {
        state,
        version: item?.version ?? 0,
        commands: pending.slice(0, MOST_COMMANDS),
        holds,
        glance: state === null ? null : glanceOf(state),
      };
    },

    save: async (save) => {
      const { known, next } = save;
      const { first, step } = writesOf(save);
      for (const facts of first) await table.write(facts);
      if ((await table.write(step)) === "conflict") return { kind: "conflict" };
      const applied = new Set(save.applied?.map(({ id }) => id));
      return {
        kind: "saved",
        known: {
          state: next,
          version: known.version + 1,
          commands: known.commands.filter(({ id }) => !applied.has(id)),
          holds: holdsAfter(save),
          glance: glanceOf(next),
        },
      };
    },

    release: async (target, rev) => {
      const item = await table.get(releaseKey(target, rev));
      return item === null ? null : recordOf<Release>(item).record;
    },
    releases: async (target) => {
      const items = await table.query(targetKey(target, "").pk, "release/");
      return items.map((item) => recordOf<Release>(item).record);
    },

    putCommand: async (target, id, command) => {
      const value: CommandRecord = { id, command, appliedAt: null };
      const outcome = await table.write([
        { kind: "put", key: targetKey(target, `command/${id}`), value: formatted(value), when: { kind: "absent" } },
      ]);
      return outcome === "written" ? "stored" : "known";
    },

    overdue: async (now, limit) => {
      const items = await table.due(TARGETS_DUE, now, limit);
      const read = await Promise.all(items.map((item) => stateOf(item, table).catch(leftAlone)));
      return read.flatMap((found) => found?.state ?? []);
    },
    targetsOf: async (repoId, kind) => {
      const { pk, sk } = repoKey(repoId, kind === undefined ? "target/" : `target/${kind}/`);
      return values<Target>(await table.query(pk, sk));
    },
    glances: async (repoId) => values<Glance>(await table.query(repoKey(repoId, "").pk, "glance/")),
    putAside: async (targets) => {
      for (let at = 0; at < targets.length; at += MOST_WRITES) {
        const writes = targets.slice(at, at + MOST_WRITES);
        await table.write(
          writes.map((target) => ({ kind: "delete", key: glanceKey(target), when: { kind: "always" } })),
        );
      }
    },
    waiters: async (topic) => values(await table.query(topic, "waiter/")),

    slots: async (repoId) => {
      const item = await table.get(repoKey(repoId, "slots"));
      const value = item?.value as { held: number[]; queue: number[] } | undefined;
      return { version: item?.version ?? 0, held: value?.held ?? [], queue: value?.queue ?? [] };
    },
    digest: async (repoId, image, tag) =>
      ((await table.get(digestKey(repoId, image, tag)))?.value as Digest | undefined) ?? null,

    repo: async (repoId) => ((await table.get(repoMetaKey(repoId)))?.value as RepoMeta | undefined) ?? null,
    repos: async () => values<RepoMeta>(await table.query("repos")),
    putRepo: async (meta) => {
      await table.write([{ kind: "put", key: repoMetaKey(meta.id), value: meta, when: { kind: "always" } }]);
    },

    lease: async (name, now, forMs) => {
      const key = sweepKey(name, "lease");
      const item = await table.get(key);
      if (item !== null && (item.value as { until: number }).until > now) return false;
      const until = now + forMs;
      const when = unchanged(item?.version ?? 0);
      // Whoever looks compares the times; that the item goes away is only for order's sake.
      const write = { kind: "put", key, value: { until }, when, expiresAt: until + LEASE_KEPT_MS } as const;
      return (await table.write([write])) === "written";
    },
    endLease: async (name) => {
      await table.write([{ kind: "delete", key: sweepKey(name, "lease"), when: { kind: "always" } }]);
    },
    cursor: async (name) => (await table.get(sweepKey(name, "cursor")))?.value ?? null,
    putCursor: async (name, value) => {
      await table.write([{ kind: "put", key: sweepKey(name, "cursor"), value, when: { kind: "always" } }]);
    },
  };
}

const LEASE_KEPT_MS = 24 * 3_600_000;

/** A state's record; its fields that came later than it have what a new target has. */
async function stateOf(item: Item, table: Table): Promise<{ state: TargetState; holds: readonly Hold[] }> {
  const { format, record } = recordOf<TargetState & { readonly state: TargetState; readonly holds: readonly Hold[] }>(
    item,
  );
  const state = format === 0 ? record : record.state;
  // The first format had the state alone, and its holds beside it.
  const holds = format === 0 ? values<Hold>(await table.query(item.pk, "hold/")) : record.holds;
  return { state: { ...newTarget(state.target, state.installation, state.repo), ...state }, holds };
}

/** It is for the Proa that wrote it to look at its targets. */
function leftAlone(error: unknown): null {
  if (error instanceof NewerRecord) return null;
  throw error;
}

const values = <T>(items: readonly Item[]): T[] => items.map(({ value }) => value as T);
