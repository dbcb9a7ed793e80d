import { HttpMethod, IsomorphicFetchHttpLibrary, KubeConfig, RequestContext } from "@kubernetes/client-node";
import type { Millis } from "../core/names.ts";
import { OutsideError } from "../core/problem.ts";

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly value: unknown };
}

export interface KubeReply {
  readonly status: number;
  readonly text: string;
  /** The `Retry-After` header. */
  readonly retryAfterMs: Millis | null;
}

export type Send = (request: KubeRequest) => Promise<KubeReply>;

export interface Connection {
  readonly kubeConfig: KubeConfig | string;
  readonly timeoutMs: Millis;
  /** Drops a cached token; a request that was answered 401 is then sent once more, which is safe: it was never looked at. */
  readonly renew?: () => void;
}

/**
 * Sends one request as the kubeconfig's user and answers whatever the API server said. Throws `OutsideError` only where there was
 * no answer: `unavailable` when nothing was sent or nothing was changed, `unknown-result` when a write may have taken effect.
 *
 * client-node gives kubeconfig, credentials and transport. Its generated methods are left aside: they would turn each reply into
 * classes without checking it, and carry two megabytes of types for it.
 */
export function createSend({ kubeConfig, timeoutMs, renew }: Connection): Send {
  const config = keepConnections(typeof kubeConfig === "string" ? fromText(kubeConfig) : kubeConfig);
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, "");
  if (server === undefined) throw new Error("the kubeconfig's current context names no cluster: set `current-context`");
  const http = new IsomorphicFetchHttpLibrary();

  const once = async (request: KubeRequest): Promise<KubeReply> => {
    const context = new RequestContext(server + request.path, HttpMethod[request.method]);
    for (const [name, value] of Object.entries(request.query ?? {})) context.setQueryParam(name, value);
    context.setHeaderParam("Accept", "application/json");
    if (request.body !== undefined) {
      context.setHeaderParam("Content-Type", request.body.type);
      context.setBody(JSON.stringify(request.body.value));
    }
    await authenticate(config, context);
    context.setSignal(AbortSignal.timeout(timeoutMs));
    const response = await http.send(context).toPromise();
    return {
      status: response.httpStatusCode,
      text: await response.body.text(),
      retryAfterMs: retryAfter(response.headers["retry-after"]),
    };
  };

  return async (request) => {
    try {
      const reply = await onFreshSocket(request, once);
      if (reply.status !== 401 || renew === undefined) return reply;
      renew();
      return await once(request);
    } catch (cause) {
      if (cause instanceof OutsideError) throw cause;
      throw noAnswer(request, cause);
    }
  };
}

/**
 * client-node builds a new undici Agent, so a new TLS connection, for every request whose kubeconfig has TLS options
 * (`KubeConfig.applySecurityAuthentication` → `createDispatcher`; kubernetes-client/javascript#2893 memoised only `createAgent`).
 * One dispatcher per set of credentials keeps the connection; certificates that an exec plugin renews still get a new one.
 */
function keepConnections(config: KubeConfig): KubeConfig {
  const create: unknown = Reflect.get(config, "createDispatcher");
  if (typeof create !== "function")
    throw new Error("this @kubernetes/client-node has no createDispatcher: look at keepConnections");
  const kept = new Map<string, unknown>();
  Object.assign(config, {
    createDispatcher(
      cluster: { server?: string; proxyUrl?: string } | null,
      options: Record<string, unknown>,
    ): unknown {
      const { ca, cert, key, rejectUnauthorized, servername } = options;
      const id = [cluster?.server, cluster?.proxyUrl, ca, cert, key, rejectUnauthorized, servername]
        .map(String)
        .join("\n");
      if (!kept.has(id)) {
        kept.clear();
        kept.set(id, create.call(config, cluster, options));
      }
      return kept.get(id);
    },
  });
  return config;
}

function fromText(text: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

/** Credentials come from files, commands and STS; without them nothing has been sent. */
async function authenticate(config: KubeConfig, context: RequestContext): Promise<void> {
  try {
    await config.applySecurityAuthentication(context);
  } catch (cause) {
    const detail = `Proa could not get its credentials for the cluster: ${messageOf(cause)}`;
    throw new OutsideError({ code: "unavailable", detail, retryable: true }, { cause });
  }
}

/**
 * A kept connection may have been closed while the process was frozen or idle, which shows only when it is written to. A read is
 * simply asked again; a write is not, since nobody knows whether the other side had received it.
 */
async function onFreshSocket(request: KubeRequest, once: Send): Promise<KubeReply> {
  try {
    return await once(request);
  } catch (cause) {
    if (request.method !== "GET" || !isBrokenConnection(cause)) throw cause;
    return once(request);
  }
}

function noAnswer(request: KubeRequest, cause: unknown): OutsideError {
  const detail = `${request.method} ${request.path}: ${messageOf(cause)}`;
  const sent = request.method !== "GET" && !neverConnected(cause);
  return new OutsideError({ code: sent ? "unknown-result" : "unavailable", detail, retryable: true }, { cause });
}

const neverConnected = (cause: unknown): boolean =>
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(
    codeOf(cause),
  );

const isBrokenConnection = (cause: unknown): boolean => /ECONNRESET|EPIPE|UND_ERR_SOCKET/.test(codeOf(cause));

/** undici's fetch says "fetch failed" and keeps the reason in `cause`, which for several addresses is an AggregateError. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const own = "code" in error && typeof error.code === "string" ? error.code : "";
  const inner = error instanceof AggregateError ? codeOf(error.errors[0]) : codeOf(error.cause);
  return inner === "" ? own : inner;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner instanceof Error ? messageOf(inner) : error.message || codeOf(error);
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after. The API server sends seconds. */
function retryAfter(header: string | undefined): Millis | null {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) * 1000 : null;
}
