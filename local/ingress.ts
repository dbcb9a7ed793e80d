import { Agent, request, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** Where a request goes, on 127.0.0.1. `unavailable`: the host is known, no pod is ready; null: it is not known. */
export type Place = { readonly port: number } | "unavailable" | null;

export interface IngressOptions {
  /** Asked anew for every attempt, so a retry can reach another pod. */
  readonly route: (host: string, path: string) => Place | Promise<Place>;
  /** Named on the page that an unknown host gets. */
  readonly hosts?: () => readonly string[] | Promise<readonly string[]>;
}

export interface Ingress {
  handle(req: IncomingMessage, res: ServerResponse): void;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

/** Proxies by Host header to ports on 127.0.0.1, streaming both ways, and retries where an ingress controller would. */
export function createIngress({ route, hosts = () => [] }: IngressOptions): Ingress {
  const agent = new Agent({ keepAlive: true });
  const tunnels = new Set<Duplex>();

  return {
    handle: (req, res) => void attempt(req, res, 1).catch((error: unknown) => lost(req, res, error)),
    upgrade: (req, socket, head) => void upgrade(req, socket, head).catch(() => socket.destroy()),
    close() {
      agent.destroy();
      for (const tunnel of tunnels) tunnel.destroy();
    },
  };

  async function attempt(req: IncomingMessage, res: ServerResponse, n: number): Promise<void> {
    const host = hostOf(req);
    const place = await route(host, pathOf(req));
    if (place === null) return page(res, 404, `Nothing answers at ${host}`, listOf(await hosts()));
    if (place === "unavailable")
      return page(res, 503, `${host} has no pod that is ready`, "<p>Try again in a moment.</p>");

    const upstream = forward(req, place.port, agent);
    let sent = false;
    const send = (): void => {
      sent = true;
      req.pipe(upstream);
    };
    // Nothing of the body is read before there is a connection: then a refused one costs nothing, whatever the method.
    upstream.on("socket", (socket) => (socket.connecting ? socket.once("connect", send) : send()));
    upstream.on("response", (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.headers));
      res.flushHeaders(); // an event stream's first event may be minutes away
      answer.pipe(res);
      answer.on("error", () => res.destroy());
    });
    upstream.on("error", () => {
      if (res.headersSent || res.destroyed) return res.destroy();
      req.unpipe(upstream);
      if (n < 3 && (!sent || isRepeatable(req)))
        return void attempt(req, res, n + 1).catch((error: unknown) => lost(req, res, error));
      return page(res, 502, `${host} did not answer`, `<p>The pod closed the connection ${n} times.</p>`);
    });
    res.once("close", () => upstream.destroy());
  }

  /** Where the requests go could not be found out, as when the cluster cannot be reached. */
  function lost(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    if (res.headersSent || res.destroyed) return void res.destroy();
    const because = error instanceof Error ? error.message : String(error);
    page(res, 502, `${hostOf(req)} cannot be looked up`, `<p>${escapeHtml(because)}</p>`);
  }

  async function upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const place = await route(hostOf(req), pathOf(req));
    if (place === null || place === "unavailable") {
      socket.end(
        `HTTP/1.1 ${place === null ? "404 Not Found" : "503 Service Unavailable"}\r\nconnection: close\r\n\r\n`,
      );
      return;
    }
    const upstream = forward(req, place.port, false);
    upstream.on("upgrade", (answer, tunnel, first) => {
      socket.write(`${statusLine(answer)}${rawHeaders(answer)}\r\n`);
      socket.write(first);
      tunnel.write(head);
      for (const [from, to] of [[socket, tunnel] as const, [tunnel, socket] as const]) {
        tunnels.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          tunnels.delete(from);
          to.destroy();
        });
      }
    });
    upstream.on("response", (answer) => {
      socket.write(`${statusLine(answer)}${rawHeaders(answer)}\r\n`);
      answer.pipe(socket);
    });
    upstream.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n"));
    socket.on("error", () => upstream.destroy());
    upstream.end();
  }
}

function forward(req: IncomingMessage, port: number, agent: Agent | false): ClientRequest {
  const { method, url: path } = req;
  const headers = {
    ...(agent === false ? req.headers : endToEnd(req.headers)),
    // Set, not appended: a client must not be able to claim another address.
    "x-forwarded-for": req.socket.remoteAddress ?? "",
    "x-forwarded-host": req.headers.host ?? "",
    "x-forwarded-proto": "http",
  };
  return request({ host: "127.0.0.1", port, method: method ?? "GET", path: path ?? "/", headers, agent });
}

const hostOf = (req: IncomingMessage): string => (req.headers.host ?? "").toLowerCase().replace(/:\d+$/, "");

const pathOf = (req: IncomingMessage): string => (req.url ?? "/").split("?")[0] ?? "/";

/** Idempotent by RFC 9110 §9.2.2, and without a body, which has been read and is gone. */
function isRepeatable({ method = "", headers }: IncomingMessage): boolean {
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  return !hasBody && ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].includes(method);
}

/** RFC 9110 §7.6.1: these, and whatever `Connection` names, are for one hop. */
function endToEnd<Headers extends IncomingMessage["headers"]>(headers: Headers): Partial<Headers> {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name))) as Partial<Headers>;
}

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

const statusLine = ({ statusCode = 502, statusMessage = "" }: IncomingMessage): string =>
  `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;

function rawHeaders({ rawHeaders: raw }: IncomingMessage): string {
  return raw.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
}

function page(res: ServerResponse, status: number, title: string, body: string): void {
  const style = "body{font:16px system-ui;max-width:40em;margin:15vh auto;padding:0 1em}";
  const html = `<!doctype html><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${style}</style>
<h1>${escapeHtml(title)}</h1>${body}`;
  res.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(html);
}

function listOf(hosts: readonly string[]): string {
  if (hosts.length === 0) return "<p>Nothing is deployed yet.</p>";
  return `<p>These hosts are known:</p><ul>${hosts.map((host) => `<li>${escapeHtml(host)}</li>`).join("")}</ul>`;
}

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
