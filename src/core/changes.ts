import type { RepoConfig } from "./config.ts";
import { matchesGlob } from "./config-glob.ts";

/** Where a repository keeps its configuration. */
export const CONFIG_PATH = ".proa.yml";

export interface ChangedFiles {
  /** Paths from the repository's root. A rename counts under its old name as well. */
  readonly files: readonly string[];
  /** false: GitHub cut the list (it gives 300 files of a comparison, 3000 of a pull request). */
  readonly complete: boolean;
}

/**
 * Names of the services that a diff touches. Everything doubtful touches every service: a service too many costs a wasted
 * rollout, a service too few leaves an old version running under a new commit's name.
 */
export function changedServices(config: RepoConfig, { files, complete }: ChangedFiles): ReadonlySet<string> {
  const everything =
    !complete || files.some((file) => file === CONFIG_PATH || config.shared.some((glob) => matchesGlob(glob, file)));
  return new Set(
    config.services
      .filter(({ path }) => everything || files.some((file) => isBelow(path, file)))
      .map(({ name }) => name),
  );
}

/** On a segment's border: `apps/web` is not touched by `apps/web-admin/x`. A path may name one file. */
const isBelow = (folder: string, file: string): boolean =>
  folder === "." || file === folder || file.startsWith(`${folder}/`);
