import { type RepoId, type Revision, type Target, targetId } from "../core/names.ts";

/** Where everything is; docs/store.md says who writes what. */
export const targetKey = (target: Target, sk: string) => ({ pk: `target/${targetId(target)}`, sk });
export const releaseKey = (target: Target, rev: Revision) =>
  targetKey(target, `release/${String(rev).padStart(8, "0")}`);
export const repoKey = (repoId: RepoId, sk: string) => ({ pk: `repo/${repoId}`, sk });
export const digestKey = (repoId: RepoId, image: string, tag: string) => repoKey(repoId, `digest/${image}/${tag}`);
export const glanceKey = (target: Target) => repoKey(target.repoId, `glance/${targetId(target)}`);
export const repoMetaKey = (repoId: RepoId) => ({ pk: "repos", sk: `${repoId}` });
export const sweepKey = (name: string, sk: "lease" | "cursor") => ({ pk: `sweep/${name}`, sk });
export const outboxKey = (installation: number, sk: string) => ({ pk: `outbox/${installation}`, sk });

/** The index of targets that asked to be looked at; the overdue sweep reads it. */
export const TARGETS_DUE = "targets";
