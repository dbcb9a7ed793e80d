import type { Command } from "../core/message.ts";
import {
  type Digest,
  type Millis,
  type RepoId,
  type RepoName,
  type Revision,
  type Target,
  targetId,
} from "../core/names.ts";
import type { CommandRecord, Hold, Release, TargetState } from "../core/state.ts";
import type { Surface } from "../core/words.ts";
import type { Item, Table, Write } from "./table.ts";

/** The index of targets that asked to be looked at; the overdue sweep reads it. */
const TARGETS_DUE = "targets";
export const outboxIndex = (installation: number): string => `outbox/${installation}`;
export const repoMetaKey = (repoId: RepoId) => ({ pk: "repos", sk: `${repoId}` });

export interface KnownTarget {
  readonly state: TargetState | null;
  /** What `save` conditions on; 0: there was nothing. */
  readonly version: number;
  /** Not applied yet, oldest first. */
  readonly commands: readonly CommandRecord[];
  readonly holds: readonly Hold[];
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

/** What Proa remembers, by meaning. Reads and writes are single table calls; nothing is cached. */
export interface Store {
  load(target: Target): Promise<KnownTarget>;
  /** `conflict`: another worker wrote this target first; nothing was written. */
  save(save: Save): Promise<{ kind: "saved"; known: KnownTarget } | { kind: "conflict" }>;
  release(target: Target, rev: Revision): Promise<Release | null>;
  releases(target: Target): Promise<Release[]>;
  /** Kept by delivery id: a redelivery of the same command finds it there. `known`: it was there already. */
  putCommand(target: Target, id: string, command: Command): Promise<"stored" | "known">;
  overdue(now: Millis, limit: number): Promise<TargetState[]>;
  targetsOf(repoId: RepoId): Promise<Target[]>;
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

const targetKey = (target: Target, sk: string) => ({ pk: `target/${targetId(target)}`, sk });
const repoKey = (repoId: RepoId, sk: string) => ({ pk: `repo/${repoId}`, sk });
const revKey = (rev: Revision) => `release/${String(rev).padStart(8, "0")}`;

export function createStore(table: Table): Store {
  return {
    load: async (target) => {
      const { pk } = targetKey(target, "");
      const [state, commands, holds] = await Promise.all([
        table.get({ pk, sk: "state" }),
        table.query(pk, "command/"),
        table.query(pk, "hold/"),
      ]);
      const pending = values<CommandRecord>(commands).filter(({ appliedAt }) => appliedAt === null);
      pending.sort((a, b) => a.command.at - b.command.at || (a.id < b.id ? -1 : 1));
      return {
        state: (state?.value as TargetState | undefined) ?? null,
        version: state?.version ?? 0,
        commands: pending,
        holds: values<Hold>(holds),
      };
    },

    save: async (save) => {
      const { known, next } = save;
      const outcome = await table.write(writesOf(save));
      if (outcome === "conflict") return { kind: "conflict" };
      const applied = new Set(save.applied?.map(({ id }) => id));
      const removed = new Set(save.holds?.remove);
      return {
        kind: "saved",
        known: {
          state: next,
          version: known.version + 1,
          commands: known.commands.filter(({ id }) => !applied.has(id)),
          holds: [...known.holds.filter(({ sha }) => !removed.has(sha)), ...(save.holds?.put ?? [])],
        },
      };
    },

    release: async (target, rev) =>
      ((await table.get(targetKey(target, revKey(rev))))?.value as Release | undefined) ?? null,
    releases: async (target) => values<Release>(await table.query(targetKey(target, "").pk, "release/")),

    putCommand: async (target, id, command) => {
      const value: CommandRecord = { id, command, appliedAt: null };
      const outcome = await table.write([
        { kind: "put", key: targetKey(target, `command/${id}`), value, when: { kind: "absent" } },
      ]);
      return outcome === "written" ? "stored" : "known";
    },

    overdue: async (now, limit) => values<TargetState>(await table.due(TARGETS_DUE, now, limit)),
    targetsOf: async (repoId) => values<Target>(await table.query(`repo/${repoId}`, "target/")),
    waiters: async (topic) => values(await table.query(topic, "waiter/")),

    slots: async (repoId) => {
      const item = await table.get(repoKey(repoId, "slots"));
      const value = item?.value as { held: number[]; queue: number[] } | undefined;
      return { version: item?.version ?? 0, held: value?.held ?? [], queue: value?.queue ?? [] };
    },
    digest: async (repoId, image, tag) =>
      ((await table.get(repoKey(repoId, `digest/${image}/${tag}`)))?.value as Digest | undefined) ?? null,

    repo: async (repoId) => ((await table.get(repoMetaKey(repoId)))?.value as RepoMeta | undefined) ?? null,
    repos: async () => values<RepoMeta>(await table.query("repos")),
    putRepo: async (meta) => {
      await table.write([{ kind: "put", key: repoMetaKey(meta.id), value: meta, when: { kind: "always" } }]);
    },

    lease: async (name, now, forMs) => {
      const key = { pk: `sweep/${name}`, sk: "lease" };
      const item = await table.get(key);
      if (item !== null && (item.value as { until: number }).until > now) return false;
      const when =
        item === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: item.version } as const);
      return (await table.write([{ kind: "put", key, value: { until: now + forMs }, when }])) === "written";
    },
    endLease: async (name) => {
      await table.write([{ kind: "delete", key: { pk: `sweep/${name}`, sk: "lease" }, when: { kind: "always" } }]);
    },
    cursor: async (name) => (await table.get({ pk: `sweep/${name}`, sk: "cursor" }))?.value ?? null,
    putCursor: async (name, value) => {
      await table.write([{ kind: "put", key: { pk: `sweep/${name}`, sk: "cursor" }, value, when: { kind: "always" } }]);
    },
  };
}

function writesOf({ known, next, surfaces, release, applied, holds, slots, waiting, digests }: Save): Write[] {
  const { target } = next;
  const { repoId } = target;
  const id = targetId(target);
  const put = (key: { pk: string; sk: string }, value: unknown): Write => ({
    kind: "put",
    key,
    value,
    when: { kind: "always" },
  });
  const state: Write = {
    kind: "put",
    key: targetKey(target, "state"),
    value: next,
    when: known.version === 0 ? { kind: "absent" } : { kind: "version", version: known.version },
    due: next.wake === null ? null : { index: TARGETS_DUE, at: next.wake.dueAt },
  };
  const writes: Write[] = [state];
  if (known.version === 0) writes.push(put(repoKey(repoId, `target/${id}`), target));
  if (release)
    writes.push({ kind: "put", key: targetKey(target, revKey(release.rev)), value: release, when: { kind: "absent" } });
  for (const { id: commandId, at } of applied ?? []) {
    const record = known.commands.find((command) => command.id === commandId);
    if (record) writes.push(put(targetKey(target, `command/${commandId}`), { ...record, appliedAt: at }));
  }
  for (const hold of holds?.put ?? []) writes.push(put(targetKey(target, `hold/${hold.sha}`), hold));
  for (const sha of holds?.remove ?? []) {
    if (!holds?.put.some((hold) => hold.sha === sha))
      writes.push({ kind: "delete", key: targetKey(target, `hold/${sha}`), when: { kind: "always" } });
  }
  if (slots) {
    const when =
      slots.before.version === 0
        ? ({ kind: "absent" } as const)
        : ({ kind: "version", version: slots.before.version } as const);
    writes.push({ kind: "put", key: repoKey(repoId, "slots"), value: { held: slots.held, queue: slots.queue }, when });
  }
  for (const topic of waiting?.on ?? [])
    writes.push(put({ pk: topic, sk: `waiter/${id}` }, { target, installation: next.installation, repo: next.repo }));
  for (const topic of waiting?.off ?? [])
    writes.push({ kind: "delete", key: { pk: topic, sk: `waiter/${id}` }, when: { kind: "always" } });
  for (const { image, tag, digest } of digests ?? [])
    writes.push(put(repoKey(repoId, `digest/${image}/${tag}`), digest));
  // The reporter writes beside these (`have/…`), never over them, and the state's version guards them: latest want wins.
  for (const { surface, notBefore } of surfaces) {
    const due = { index: outboxIndex(next.installation), at: notBefore };
    writes.push({
      ...put({ pk: outboxIndex(next.installation), sk: `want/${surface.key}` }, { repo: next.repo, repoId, surface }),
      due,
    } as Write);
  }
  // Two services of one image wait for it, or find it, together: one item, written once.
  return [...new Map(writes.map((write) => [`${write.key.pk} ${write.key.sk}`, write])).values()];
}

const values = <T>(items: readonly Item[]): T[] => items.map(({ value }) => value as T);
