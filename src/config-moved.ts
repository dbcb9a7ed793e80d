import { hash } from "./core/hash.ts";
import type { RepoId, RepoName } from "./core/names.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";

/**
 * Whether a pull request gets a preview, and of what, its base's `.proa.yml` says, and no event about the pull request tells that
 * this has changed. Remembered by its hash once everybody was told: who dies before that leaves it to the sweep to tell again.
 */
export async function tellPreviews(
  {
    repoId,
    repo,
    installation,
    text,
  }: {
    readonly repoId: RepoId;
    readonly repo: RepoName;
    readonly installation: number;
    /** The default branch's; null: there is none. */
    readonly text: string | null;
  },
  fx: Pick<Effects, "store" | "queue" | "clock" | "github">,
): Promise<void> {
  const cursor = `config/${repoId}`;
  const now = hash(text ?? "");
  if ((await fx.store.cursor(cursor)) === now) return;
  for (const { number } of await fx.github.installation(installation).openPullRequests(repo))
    await look({ kind: "preview", repoId, number }, { installation, repo, because: ".proa.yml has changed" }, fx);
  await fx.store.putCursor(cursor, now);
}
