import type { Hub } from "./hub.ts";
import type { Installation, Repo } from "./state.ts";

/** Records a repository, still empty, and installs Proa's App for its owner. What is there already is answered as it is. */
export function addRepository(
  hub: Hub,
  { owner, name, isPrivate }: { owner: string; name: string; isPrivate: boolean },
): { repo: Repo; installation: Installation; isNew: boolean } {
  const { state } = hub;
  const now = hub.now();
  const [installed] = state.list("installation", ({ account }) => account === owner);
  const installation =
    installed ?? state.put("installation", { id: state.nextId(), account: owner, suspendedAt: null, createdAt: now });
  const known = hub.repository(owner, name);
  if (known !== undefined) return { repo: known, installation, isNew: false };
  const repo = state.put("repo", {
    id: state.nextId(),
    owner,
    name,
    private: isPrivate,
    archived: false,
    defaultBranch: "main",
    formerNames: [],
    forkOf: null,
    nextNumber: 1,
    createdAt: now,
    pushedAt: now,
  });
  return { repo, installation, isNew: true };
}
