import type { GitHub } from "./github.ts";
import type { GitHubHttp } from "./github-http.ts";
import { readsOf } from "./github-reads.ts";
import type { AppIdentity } from "./github-search.ts";
import { writesOf } from "./github-writes.ts";

/** One installation's GitHub over one connection. */
export function createGitHubClient(http: GitHubHttp, app: AppIdentity): GitHub {
  return { ...readsOf(http), ...writesOf(http, app) };
}
