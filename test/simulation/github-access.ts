import { OutsideError, type Problem } from "../../src/core/problem.ts";
import type { RepoName, Sha } from "../../src/core/names.ts";
import type { Installation, Repo, World } from "./github-state.ts";

/** One call of our App in the name of an installation: `call` names it in errors and in the log of writes. */
export interface Asked {
  readonly installation: number;
  readonly repo: RepoName;
  readonly call: string;
}

/** Throws as the adapter does where there is no token to be had: never "not found", which would be an answer about the repository. */
export function authorized(world: World, id: number, call: string): Installation {
  const installation = world.installations.get(id);
  if (installation !== undefined && !installation.suspended) return installation;
  const detail =
    installation === undefined ? `the App has no installation ${id}` : "403 This installation has been suspended";
  throw new OutsideError({ code: "forbidden", detail: `${call}: ${detail}`, retryable: false, whole: "installation" });
}

/** null: 404. What is public can be read from outside the installation. */
export function readable(world: World, { installation, repo, call }: Asked): Repo | null {
  authorized(world, installation, call);
  const found = world.names.get(repo);
  if (found === undefined) return null;
  return found.installation === installation || !found.private ? found : null;
}

/** For lists, which throw on 404. */
export function listable(world: World, asked: Asked): Repo {
  return readable(world, asked) ?? missing(asked);
}

/** Counted: GitHub's limits count what arrives, whether or not anything comes of it. */
export function writable(world: World, asked: Asked, requests = 1): Repo {
  const { installation, call, repo } = asked;
  const found = readable(world, asked) ?? missing(asked);
  world.writes.push({ at: world.sim.now(), installation, repo: found.id, call, requests });
  if (found.installation !== installation)
    throw refused("forbidden", `${call} ${repo}: 403 Resource not accessible by integration`);
  if (found.archived) throw refused("forbidden", `${call} ${repo}: 403 Repository was archived so is read-only.`);
  return found;
}

export function knownCommit(repo: Repo, sha: Sha, { call }: Asked): Sha {
  if (repo.git.commit(sha) === null)
    throw refused("invalid", `${call} ${repo.name}: 422 No commit found for SHA: ${sha}`);
  return sha;
}

export function missing({ call, repo }: Asked): never {
  throw refused("not-found", `${call} ${repo}: 404 Not Found`);
}

export const refused = (code: Problem["code"], detail: string): OutsideError =>
  new OutsideError({ code, detail, retryable: false });
