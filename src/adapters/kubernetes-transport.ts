import http, { type RequestOptions } from "node:http";
import https from "node:https";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { urlToHttpOptions } from "node:url";
import type { Millis } from "../core/names.ts";
import type { ApiServer, Entry } from "./cluster-access.ts";

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

/** There was no whole answer. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  /** Whether the other side may have received the request: before a connection stands, nothing of it leaves this machine. */
  readonly sent: boolean;
  /** The connection ended, as kept ones do. */
  readonly broken: boolean;

  constructor(cause: Error, sent: boolean) {
    super(reasonOf(cause), { cause });
    this.sent = sent;
    this.broken = /^(ECONNRESET|EPIPE)$/.test(codeOf(cause));
  }
}

/** Rejects with `NoAnswer` and nothing else. */
export type Exchange = (entry: Entry, request: KubeRequest) => Promise<KubeReply>;

/** A page of 500 objects is a few megabytes; what is larger than this is no answer of an API server. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Before the other side does: the API server closes what was idle for 90 s (k8s.io/apiserver, pkg/server/secure_serving.go). */
const IDLE_MS = 55_000;

/**
 * One request, one answer, over node:https with kept connections: client-node's own transport makes a connection per request
 * (kubernetes-client/javascript#2893), and fetch costs more than twice the CPU.
 */
export function createExchange(timeoutMs: Millis): Exchange {
  const ways = new WeakMap<ApiServer, Way>();

  return async ({ server, headers }, { method, path, query, body }) => {
    const way = ways.get(server) ?? wayTo(server);
    ways.set(server, way);
    const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`;
    const content = body === undefined ? null : JSON.stringify(body.value);
    return exchange(way, {
      content,
      timeoutMs,
      options: {
        ...way.options,
        method,
        path: way.prefix + path + search,
        headers: {
          accept: "application/json",
          "user-agent": "proa",
          ...headers,
          ...(body === undefined || content === null
            ? {}
            : { "content-type": body.type, "content-length": Buffer.byteLength(content) }),
        },
      },
    });
  };
}

interface Way {
  readonly request: typeof https.request;
  readonly agent: http.Agent;
  readonly options: RequestOptions;
  readonly prefix: string;
}

function wayTo({ url, tls, agent: given }: ApiServer): Way {
  const at = URL.parse(url);
  if (at === null) throw new NoAnswer(new Error(`its address is "${url}"`), false);
  const { protocol, hostname, port } = urlToHttpOptions(at);
  const prefix = at.pathname.replace(/\/+$/, "");
  const kept = { keepAlive: true, timeout: IDLE_MS };
  const place = { protocol, hostname, port };
  if (protocol === "http:") {
    const agent = given ?? new http.Agent(kept);
    return { request: http.request, agent, options: { ...place, agent }, prefix };
  }
  const { servername, rejectUnauthorized, ...identity } = tls;
  // Made once: otherwise each connection parses the certificates, and each request compares them to find its connection.
  const secure = {
    secureContext: contextOf(identity),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
  const agent = given ?? new https.Agent({ ...kept, ...secure });
  return { request: https.request, agent, options: { ...place, ...secure, agent }, prefix };
}

function contextOf(identity: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(identity);
  } catch (cause) {
    throw new NoAnswer(new Error("its certificates cannot be read", { cause }), false);
  }
}

interface Call {
  readonly options: RequestOptions;
  readonly content: string | null;
  readonly timeoutMs: Millis;
}

function exchange({ request, agent }: Way, { options, content, timeoutMs }: Call): Promise<KubeReply> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const outgoing = request(options);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      outgoing.destroy();
      dropIdle(agent);
      reject(new NoAnswer(cause, sent));
    };
    const timer = setTimeout(() => fail(new Error("no answer in time")), timeoutMs);
    outgoing.once("socket", (socket) => {
      if (!socket.connecting) sent = true;
      else socket.once(options.protocol === "http:" ? "connect" : "secureConnect", () => (sent = true));
    });
    outgoing.on("error", fail);
    outgoing.once("response", (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > MAX_BYTES) fail(new Error(`an answer of more than ${MAX_BYTES / 1024 / 1024} MiB`));
      });
      incoming.on("error", fail);
      incoming.once("end", () => {
        clearTimeout(timer);
        resolve({
          status: incoming.statusCode ?? 0,
          text: Buffer.concat(chunks).toString("utf8"),
          retryAfterMs: retryAfter(incoming.headers["retry-after"]),
        });
      });
    });
    outgoing.end(content ?? undefined);
  });
}

/** Where one connection turned out to be dead, those that were kept beside it are likely dead as well: the next request makes its own. */
function dropIdle({ freeSockets }: http.Agent): void {
  for (const socket of Object.values(freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after. The API server sends seconds. */
function retryAfter(header: string | undefined): Millis | null {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) * 1000 : null;
}

/** A host with several addresses fails with one error per address. */
const firstOf = (error: Error): Error =>
  error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;

const reasonOf = (error: Error): string => firstOf(error).message || codeOf(error);

function codeOf(error: Error): string {
  const first = firstOf(error);
  return "code" in first && typeof first.code === "string" ? first.code : "";
}
