import { type Answer, type Fields, type Json, page, Refusal } from "./http.ts";
import { type Access, authorize, type Viewer } from "./auth.ts";
import type { Hub } from "./hub.ts";
import type { Repo } from "./state.ts";

export interface Call {
  readonly hub: Hub;
  readonly viewer: Viewer;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Fields;
  readonly accept: string;
  /** The address asked for, without its query. */
  readonly url: string;
}

export interface RepoCall extends Call {
  readonly repo: Repo;
}

export interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly access: Access;
  readonly run: (call: RepoCall) => Answer | Promise<Answer>;
}

/** `GET /user`: a route that concerns no repository. */
export function route(line: string, access: Access, run: (call: Call) => Answer | Promise<Answer>): Route {
  const [method = "", path = ""] = line.split(" ");
  return { method, pattern: compile(path), access, run };
}

/** The path follows `/repos/{owner}/{repo}`; the repository is found and access to it checked before `run`. */
export function repoRoute(line: string, access: Access, run: (call: RepoCall) => Answer | Promise<Answer>): Route {
  const [method = "", path = ""] = line.split(" ");
  return { method, pattern: compile(`/repos/{owner}/{repo}${path}`), access, run };
}

/** `{name}` is one segment, `{name...}` what is left (GitHub takes a path or branch with its slashes bare or encoded). */
function compile(path: string): RegExp {
  const source = path
    .replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replace(/\{(\w+)(\\\.\\\.\\\.)?\}/g, (_, name, rest) => `(?<${name}>${rest ? ".+" : "[^/]+"})`);
  return new RegExp(`^${source}$`);
}

/** Finds the route and answers; null: GitHub may serve this, the stand-in does not. */
export async function dispatch(
  routes: readonly Route[],
  method: string,
  path: string,
  call: Omit<Call, "params">,
): Promise<Answer | null> {
  for (const candidate of routes) {
    const match =
      candidate.method === method || (method === "HEAD" && candidate.method === "GET")
        ? candidate.pattern.exec(path)
        : null;
    if (match === null) continue;
    const params = Object.fromEntries(
      Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
    const repo = params["owner"] === undefined ? undefined : findRepository(call.hub, params, path, method);
    authorize(call.hub, call.viewer, candidate.access, repo);
    // A route without `{owner}` was declared by `route`, whose handler has no `repo` to read.
    return candidate.run({ ...call, params, repo: repo as Repo });
  }
  return null;
}

function findRepository(
  hub: Hub,
  params: Readonly<Record<string, string>>,
  path: string,
  method: string,
): Repo | undefined {
  const { owner = "", repo: name = "" } = params;
  const found = hub.repository(owner, name);
  if (found !== undefined) return found;
  const renamed = hub.state.list("repo", (repo) => repo.owner === owner && repo.formerNames.includes(name)).at(-1);
  if (renamed === undefined) return undefined;
  const location = `${hub.api}/repositories/${renamed.id}${path
    .split("/")
    .slice(4)
    .map((part) => `/${part}`)
    .join("")}`;
  throw new Refusal(method === "GET" ? 301 : 307, "Moved Permanently", {
    body: { url: location },
    headers: { location },
  });
}

/** A page of a list as GitHub answers it: bare, or in an object with its count. */
export async function paged<T>(
  call: Call,
  items: readonly T[],
  shape: (item: T) => unknown,
  wrap?: (page: unknown[]) => Json,
): Promise<Answer> {
  const { items: shown, headers } = page(items, call);
  const shaped: unknown[] = [];
  for (const item of shown) shaped.push(await shape(item));
  return { status: 200, body: wrap ? wrap(shaped) : shaped, headers };
}

/** A numeric id in the path. */
export function idOf(call: Call, name: string): number {
  return Number(call.params[name]);
}
