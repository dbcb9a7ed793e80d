import { hash } from "./core/hash.ts";
import type { RepoId, RepoName } from "./core/names.ts";
import type { Effects } from "./effects.ts";
import { look } from "./look.ts";

/** As many as one event may set going; the sweeps tell the others. */
const MOST_TOLD = 100;

/**
 * Whether a pull request gets a preview, and of what, its base's `.proa.yml` says, and no event about the pull request tells that
 * this has changed. Those that Proa knows are told, the newest first; whoever dies before everybody was told leaves it to the
 * sweep to go on. One that Proa does not know yet is looked at by the sweep in any case.
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
  fx: Pick<Effects, "store" | "queue" | "clock">,
): Promise<void> {
  const cursor = `config/${repoId}`;
  const config = hash(text ?? "");
  const told = toldOf(await fx.store.cursor(cursor));
  const below = told?.config === config ? told.below : Infinity;
  if (below === null) return;
  const numbers = (await fx.store.glances(repoId))
    .flatMap(({ target }) => (target.kind === "preview" && target.number < below ? [target.number] : []))
    .sort((a, b) => b - a);
  const next = numbers.slice(0, MOST_TOLD);
  for (const number of next)
    await look({ kind: "preview", repoId, number }, { installation, repo, because: ".proa.yml has changed" }, fx);
  const lowest = numbers.length > next.length ? (next.at(-1) ?? null) : null;
  await fx.store.putCursor(cursor, { config, below: lowest } satisfies Told);
}

/** Who knows of the configuration with this hash: all pull requests from the newest to this number; null: all. */
interface Told {
  readonly config: string;
  readonly below: number | null;
}

const toldOf = (cursor: unknown): Told | null =>
  typeof cursor === "object" && cursor !== null && "config" in cursor ? (cursor as Told) : null;
