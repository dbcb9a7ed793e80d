import type { GitHub } from "./adapters/github.ts";
import { CONFIG_PATH } from "./core/changes.ts";
import type { ConfigProblem, RepoConfig } from "./core/config.ts";
import { defaultConfig } from "./core/config-defaults.ts";
import { mergeHeadConfig } from "./core/config-merge.ts";
import { parseConfig } from "./core/config-parse.ts";
import type { RepoName, Sha } from "./core/names.ts";
import type { PreviewSeen } from "./core/preview.ts";
import type { Effects } from "./effects.ts";

/** `.proa.yml` of the base branch, with what the head may say about its own preview. */
export async function previewConfig(
  github: GitHub,
  repo: RepoName,
  at: { readonly head: Sha; readonly base: string },
  fx: Effects,
): Promise<PreviewSeen["config"]> {
  const [repository, base, head] = await Promise.all([
    github.repository(repo),
    github.file(repo, CONFIG_PATH, at.base),
    github.file(repo, CONFIG_PATH, at.head),
  ]);
  const defaultBranch = repository?.defaultBranch ?? at.base;
  const parsedBase = read(base, defaultBranch);
  if ("problems" in parsedBase) return { problems: parsedBase.problems };
  const parsedHead = read(head, defaultBranch);
  if ("problems" in parsedHead) return { problems: parsedHead.problems };
  const { config, ignored } = mergeHeadConfig(parsedBase.config, parsedHead.config, {
    caps: fx.installation.previewCaps,
    baseBranch: at.base,
  });
  const { previews } = config;
  const bases = at.base === defaultBranch ? previews.when.base : await basesOf(github, repo, defaultBranch);
  const when = { ...previews.when, base: bases };
  return { config: { ...config, previews: { ...previews, when } }, notes: ignored };
}

/**
 * The branches whose config counts are for the default branch to name. A branch cannot name itself: anybody who may push one would
 * have a base of their own making, with secrets, images and checks as they like.
 */
async function basesOf(github: GitHub, repo: RepoName, defaultBranch: string): Promise<readonly string[]> {
  const parsed = read(await github.file(repo, CONFIG_PATH, defaultBranch), defaultBranch);
  return "config" in parsed ? parsed.config.previews.when.base : [defaultBranch];
}

/** No file is a configuration too. */
export function read(
  text: string | null,
  defaultBranch: string,
): { readonly config: RepoConfig } | { readonly problems: readonly ConfigProblem[] } {
  if (text === null) return { config: defaultConfig(defaultBranch) };
  const key = `${defaultBranch} ${text}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const fresh = parseConfig(text, defaultBranch);
  if (parsed.size >= MOST_PARSED) parsed.clear();
  parsed.set(key, fresh);
  return fresh;
}

/** Parsing is pure and most of a gather's own work; base and head mostly hold one text, and the next gather finds it again. */
const parsed = new Map<string, ReturnType<typeof parseConfig>>();
const MOST_PARSED = 100;
