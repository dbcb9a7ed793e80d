import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { authenticate, type Viewer } from "./auth.ts";
import { serveGit } from "./git-http.ts";
import { type Answer, asRecord, Fields, readBody, Refusal, send } from "./http.ts";
import { createHub, type Hub, type LocalGitHubOptions } from "./hub.ts";
import { createRateLimits } from "./rate.ts";
import { afterMoves } from "./refs.ts";
import { NO_COMMIT } from "./git.ts";
import { dispatch, type Route } from "./router.ts";
import { emailOf } from "./commits.ts";
import { appRoutes } from "./routes/app.ts";
import { checkRoutes } from "./routes/checks.ts";
import { commentRoutes } from "./routes/comments.ts";
import { commitRoutes } from "./routes/commits.ts";
import { contentRoutes } from "./routes/contents.ts";
import { deploymentRoutes } from "./routes/deployments.ts";
import { pullRoutes } from "./routes/pulls.ts";
import { repositoryRoutes } from "./routes/repositories.ts";
import { ruleRoutes } from "./routes/rules.ts";
import { statusRoutes } from "./routes/statuses.ts";
import { openState } from "./state.ts";
import { addRepository } from "./repository.ts";
import { createWebhooks } from "./webhooks.ts";

export type { Exchange, LocalGitHubOptions, Push } from "./hub.ts";
export type { Delivery } from "./webhooks.ts";
export { generateAppKey } from "./auth.ts";

/** GitHub on this machine: its REST API, its webhooks and git over HTTP, on real repositories. It listens to no port of its own. */
export interface LocalGitHub {
  /** Serves what is below `/api/` and `/git`. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Makes the repository with one commit on `main`, and installs Proa's App for its owner; what is there already stays as it is. */
  createRepository(seed: RepositorySeed): Promise<{ id: number; installationId: number }>;
  /** Routes somebody asked for that GitHub may have and this does not. */
  readonly unknownRoutes: readonly string[];
  /** Everything that is under way, webhooks included, has ended. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export interface RepositorySeed {
  readonly owner: string;
  readonly name: string;
  readonly private?: boolean;
  readonly files: Readonly<Record<string, string>>;
  /** Contexts that classic protection of `main` requires. */
  readonly protect?: readonly string[];
}

/** The first match wins: a branch name in a path may contain slashes, so the routes that end after one come last. */
const ROUTES: readonly Route[] = [
  ...appRoutes,
  ...repositoryRoutes,
  ...pullRoutes,
  ...checkRoutes,
  ...statusRoutes,
  ...deploymentRoutes,
  ...commentRoutes,
  ...contentRoutes,
  ...ruleRoutes,
  ...commitRoutes,
];

export async function createLocalGitHub(options: LocalGitHubOptions): Promise<LocalGitHub> {
  mkdirSync(join(options.dir, "git"), { recursive: true });
  const state = openState(join(options.dir, "github.sqlite"), options.firstId);
  const hub = createHub(options, state, createWebhooks(options, state), createRateLimits(options.clock));
  const unknownRoutes: string[] = [];
  return {
    async handle(req, res) {
      if (/^\/git(?:\/|$)/.test(req.url ?? "")) return serveGit(hub, req, res);
      return serveApi(hub, req, res, unknownRoutes);
    },
    createRepository: (seed) => hub.exclusive(() => seedRepository(hub, seed)),
    unknownRoutes,
    async idle() {
      await hub.exclusive(() => Promise.resolve());
      await hub.webhooks.idle();
    },
    async close() {
      await hub.exclusive(() => Promise.resolve());
      await hub.webhooks.idle();
      state.close();
    },
  };
}

interface Request {
  readonly method: string;
  /** Below `/api/v3`. */
  readonly path: string;
  readonly url: URL;
  readonly raw: Buffer;
  readonly headers: IncomingMessage["headers"];
}

async function serveApi(hub: Hub, req: IncomingMessage, res: ServerResponse, unknownRoutes: string[]): Promise<void> {
  const url = new URL(req.url ?? "/", hub.html);
  const method = req.method ?? "GET";
  // GraphQL has an address of its own beside the REST API's: `/api/graphql`.
  const path = byName(hub, url.pathname.replace(/^\/api(\/v3(?=\/|$))?/, ""));
  const request = { method, path, url, raw: await readBody(req), headers: req.headers };
  const serve = async (): Promise<void> => {
    const { answer, viewer } = await answerTo(hub, request, unknownRoutes);
    const headers = {
      date: new Date(hub.options.clock.nowMs()).toUTCString(),
      "x-github-request-id": randomUUID(),
      ...hub.limits.headers(viewer),
    };
    const status = send(res, answer, { method, ifNoneMatch: req.headers["if-none-match"], headers });
    if (status !== 304 && path !== "/rate_limit") hub.limits.spend(viewer);
    const responseBody = status === 304 ? undefined : answer.body;
    hub.options.record?.({
      method,
      path: `${path}${url.search}`,
      requestBody: tryParse(request.raw),
      status,
      responseBody,
    });
  };
  // Reads run beside each other. A write is alone, and its webhooks leave once it is answered.
  if (method === "GET" || method === "HEAD") return serve();
  await hub.exclusive(async () => {
    await serve();
    hub.flush();
  });
}

async function answerTo(
  hub: Hub,
  request: Request,
  unknownRoutes: string[],
): Promise<{ answer: Answer; viewer: Viewer }> {
  const { method, path, url, raw, headers } = request;
  let viewer: Viewer = { kind: "anonymous" };
  try {
    viewer = authenticate(hub, headers.authorization);
    if (hub.limits.exhausted(viewer)) throw new Refusal(403, "API rate limit exceeded for installation.");
    const body = bodyOf(raw, path);
    const call = {
      hub,
      viewer,
      query: new URLSearchParams(url.search),
      body,
      accept: headers.accept ?? "",
      url: `${url.origin}${url.pathname}`,
    };
    const answer = await dispatch(ROUTES, method, path, call);
    if (answer !== null) return { answer, viewer };
    unknownRoutes.push(`${method} ${path}`);
    const message = `The local GitHub does not serve ${method} ${path}: add the route under local/github/routes, or use a real GitHub App.`;
    throw new Refusal(501, message);
  } catch (error) {
    if (error instanceof Refusal) return { answer: error.answer, viewer };
    const cause = error instanceof Error ? error.stack : String(error);
    return {
      answer: { status: 500, body: { message: `The local GitHub failed at ${method} ${path}: ${cause}` } },
      viewer,
    };
  }
}

/** `/repositories/7/pulls` is `/repos/acme/shop/pulls`, whatever repository 7 is called today. */
function byName(hub: Hub, path: string): string {
  const [, id, rest = ""] = /^\/repositories\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const repo = id === undefined ? undefined : hub.state.get("repo", Number(id));
  return repo === undefined ? path : `/repos/${repo.owner}/${repo.name}${rest}`;
}

/** Labels may come as a bare list. */
function bodyOf(raw: Buffer, path: string): Fields {
  if (raw.length === 0) return new Fields({});
  const parsed = tryParse(raw);
  if (parsed === undefined) throw new Refusal(400, "Problems parsing JSON");
  return new Fields(Array.isArray(parsed) && path.endsWith("/labels") ? { labels: parsed } : asRecord(parsed));
}

function tryParse(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString()) as unknown;
  } catch {
    return undefined;
  }
}

async function seedRepository(hub: Hub, seed: RepositorySeed): Promise<{ id: number; installationId: number }> {
  const { state } = hub;
  const { owner, name, files, protect = [] } = seed;
  const now = hub.now();
  const { repo, installation, isNew } = addRepository(hub, { owner, name, isPrivate: seed.private ?? false });
  if (!isNew) return { id: repo.id, installationId: installation.id };
  const author = { name: owner, email: emailOf(hub, owner), at: now };
  const git = await hub.git(repo);
  const content = Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) }));
  const sha = await git.write({
    branch: "main",
    parent: null,
    message: "Initial commit",
    author,
    committer: author,
    files: content,
  });
  if (protect.length > 0) {
    const checks = { strict: false, checks: protect.map((context) => ({ context, appId: null })) };
    state.put("protection", {
      id: state.nextId(),
      repoId: repo.id,
      branch: "main",
      checks,
      enforceAdmins: false,
      createdAt: now,
      updatedAt: now,
    });
  }
  await afterMoves(hub, repo.id, [{ ref: "refs/heads/main", before: NO_COMMIT, after: sha }], owner);
  hub.flush();
  return { id: repo.id, installationId: installation.id };
}
