import { Octokit } from "@octokit/rest";
import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";
import type { Credentials } from "./github-credentials.ts";
import { boundedFetch, type Fetch } from "./github-fetch.ts";
import { Field, MalformedReply } from "./github-field.ts";
import { failureOf, outside } from "./github-problem.ts";
import { createNodeFetch } from "./node-fetch.ts";
import { pathSegment } from "./path-segment.ts";

const TIMEOUT_MS = 10_000;
/** No list that Proa reads is longer: more is a runaway, and half a list must not pass for the whole. */
const MAX_PAGES = 100;
const KEPT_REPLIES = 500;

export interface RequestInfo {
  readonly method: string;
  /** The template, `/repos/{owner}/{repo}/pulls/{pull_number}`: few different ones, so it can be counted by. */
  readonly route: string;
  /** null: no answer came. */
  readonly status: number | null;
  readonly ms: Millis;
  /** Sent with `If-None-Match`; answered 304, it cost no rate limit. */
  readonly conditional: boolean;
}

export interface ConnectionOptions {
  readonly apiUrl: string;
  readonly userAgent: string;
  readonly clock: { now(): Millis };
  readonly fetch?: Fetch;
  readonly timeoutMs?: number;
  readonly onRequest?: (info: RequestInfo) => void;
}

/** Octokit without its own retries, console or default timeouts. */
export function createOctokit(options: ConnectionOptions): Octokit {
  const silent = () => undefined;
  const fetch = boundedFetch(options.fetch ?? createNodeFetch(options.clock), options.timeoutMs ?? TIMEOUT_MS);
  const octokit = new Octokit({
    baseUrl: options.apiUrl,
    userAgent: options.userAgent,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch },
  });
  const { onRequest, clock } = options;
  if (onRequest !== undefined) {
    octokit.hook.wrap("request", async (request, asked) => {
      const startedAt = clock.now();
      const tell = (status: number | null) =>
        onRequest({
          method: asked.method,
          route: String(asked.request?.["route"] ?? asked.url),
          status,
          ms: clock.now() - startedAt,
          conditional: asked.headers["if-none-match"] !== undefined,
        });
      try {
        const response = await request(asked);
        tell(response.status);
        return response;
      } catch (error) {
        const failure = failureOf(error);
        tell(failure?.kind === "answer" ? failure.status : null);
        throw error;
      }
    });
  }
  return octokit;
}

type Parameters = Readonly<Record<string, unknown>> & { readonly headers?: Readonly<Record<string, string>> };

/** Requests in the name of the App or of one installation. Failures are `OutsideError`; replies are read before they leave. */
export interface GitHubHttp {
  /** null: 404. Repeats are conditional: on a 304 what was read before is served again, so `read` is a named function. */
  get<T>(route: string, parameters: Parameters, read: (reply: Field) => T): Promise<T | null>;
  /** Page by page, for stopping early; a 404 throws. Conditional as `get`. */
  pages<T>(route: string, parameters: Parameters, read: (page: Field) => T): AsyncGenerator<T, void>;
  send<T>(route: string, parameters: Parameters, read: (reply: Field) => T): Promise<T>;
}

interface Kept {
  readonly etag: string;
  readonly read: unknown;
  readonly value: unknown;
  readonly next: string | null;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly data: unknown;
}

export function createGitHubHttp(octokit: Octokit, credentials: Credentials, clock: { now(): Millis }): GitHubHttp {
  /** By URL and representation; the least recently used goes first. Values are what `read` made, not whole replies. */
  const kept = new Map<string, Kept>();

  /** Octokit encodes what it fills in; what changes the path all the same, or cannot be encoded, is refused before it is sent. */
  function addressed(route: string, parameters: Parameters) {
    for (const [, name = ""] of route.matchAll(/\{(\w+)\}/g)) {
      const value = parameters[name];
      pathSegment(typeof value === "number" ? `${value}` : typeof value === "string" ? value : "");
    }
    for (const value of Object.values(parameters))
      if (route.startsWith("GET ") && typeof value === "string" && !value.isWellFormed())
        throw new OutsideError({
          code: "invalid",
          detail: `${route}: ${JSON.stringify(value)} is no text`,
          retryable: false,
        });
    return octokit.request.endpoint(route, parameters);
  }

  /** Once more with a fresh token after a 401: a refused request has done nothing. */
  async function ask(route: string, parameters: Parameters, etag: string | null): Promise<Reply> {
    for (let attempt = 1; ; attempt++) {
      const token = await credentials.token();
      const headers = {
        ...parameters.headers,
        authorization: `Bearer ${token}`,
        ...(etag === null ? {} : { "if-none-match": etag }),
      };
      try {
        return await octokit.request(route, { ...parameters, headers });
      } catch (error) {
        const failure = failureOf(error);
        if (failure?.kind !== "answer" || failure.status !== 401 || attempt > 1) throw error;
        credentials.refused(token);
      }
    }
  }

  async function read<T>(route: string, parameters: Parameters, parse: (reply: Field) => T) {
    const { method, url, headers } = addressed(route, parameters);
    const key = `${headers.accept ?? ""} ${url}`;
    const known = kept.get(key);
    const usable = known?.read === parse ? known : null;
    const asked = `${method} ${url}`;
    let reply: Reply;
    try {
      reply = await ask(route, parameters, usable?.etag ?? null);
    } catch (error) {
      const failure = failureOf(error);
      if (usable === null || failure?.kind !== "answer" || failure.status !== 304)
        throw outside(asked, false, error, clock.now());
      keep(key, usable);
      return { value: usable.value as T, next: usable.next };
    }
    const value = parsed(asked, reply.data, parse, false);
    const next = nextPage(reply.headers["link"], url);
    const { etag } = reply.headers;
    if (typeof etag === "string") keep(key, { etag, read: parse, value, next });
    return { value, next };
  }

  function keep(key: string, reply: Kept): void {
    kept.delete(key);
    kept.set(key, reply);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_REPLIES) break;
      kept.delete(oldest);
    }
  }

  return {
    async get(route, parameters, parse) {
      try {
        return (await read(route, parameters, parse)).value;
      } catch (error) {
        if (error instanceof OutsideError && error.problem.code === "not-found") return null;
        throw error;
      }
    },

    async *pages(route, parameters, parse) {
      let page = await read(route, { per_page: 100, ...parameters }, parse);
      yield page.value;
      for (let n = 2; page.next !== null; n++) {
        if (n > MAX_PAGES) {
          throw new OutsideError({
            code: "invalid",
            detail: `${route}: more than ${MAX_PAGES} pages`,
            retryable: false,
          });
        }
        page = await read(`GET ${page.next}`, { request: { route: route.replace("GET ", "") } }, parse);
        yield page.value;
      }
    },

    async send(route, parameters, parse) {
      const { method, url } = addressed(route, parameters);
      const asked = `${method} ${url}`;
      let reply: Reply;
      try {
        reply = await ask(route, parameters, null);
      } catch (error) {
        throw outside(asked, true, error, clock.now());
      }
      return parsed(asked, reply.data, parse, true);
    },
  };
}

/** A reply that was cut off arrives as text that is no JSON: it fails here, and for a write the result is then unknown. */
function parsed<T>(asked: string, data: unknown, parse: (reply: Field) => T, writes: boolean): T {
  try {
    return parse(new Field(data, asked));
  } catch (error) {
    if (!(error instanceof MalformedReply)) throw error;
    const code = writes ? "unknown-result" : "unavailable";
    throw new OutsideError({ code, detail: error.message, retryable: !writes }, { cause: error });
  }
}

/** The token goes along to the next page, so the page must be the API's own. */
function nextPage(link: unknown, url: string): string | null {
  const next = typeof link === "string" ? /<([^<>]+)>;\s*rel="next"/.exec(link)?.[1] : undefined;
  if (next === undefined) return null;
  if (URL.parse(next)?.origin === new URL(url).origin) return next;
  throw new OutsideError({
    code: "invalid",
    detail: `GET ${url}: the next page is at another origin, ${next}`,
    retryable: false,
  });
}
