import type { RepoMeta } from "./adapters/store.ts";
import type { RepoId, RepoName } from "./core/names.ts";
import type { Effects } from "./effects.ts";

/** Names change and repositories move; the number stays. Answers the record as it is now. */
export async function rememberRepo(
  { id, name, installation }: { readonly id: RepoId; readonly name: RepoName; readonly installation: number },
  fx: Pick<Effects, "store">,
): Promise<RepoMeta> {
  const known = await fx.store.repo(id);
  if (known?.name === name && known.installation === installation) return known;
  const meta = { id, name, installation, active: known?.active ?? true };
  await fx.store.putRepo(meta);
  return meta;
}
