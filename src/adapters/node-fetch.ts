import http from "node:http";
import https from "node:https";
import { createSecureContext } from "node:tls";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Fetch, FetchReply } from "./github-fetch.ts";

/** The other side, or a router between, has long forgotten a connection that was idle for this long, and says so only when asked. */
const IDLE_MS = 20_000;
/** Far more than any reply that is read whole: a page of a hundred changed files, patches included. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The part of `fetch` that Octokit needs, on node:https with kept connections. The global one costs a process that has just started
 * 44 ms of CPU, since its first call loads all of undici. Redirects are answers here; `boundedFetch` follows them.
 */
export function createNodeFetch(clock: { now(): number }): Fetch {
  // One context for all of its connections: each would parse the authorities' certificates anew.
  const agents = {
    http: new http.Agent({ keepAlive: true }),
    https: new https.Agent({ keepAlive: true, secureContext: createSecureContext() }),
  };
  const freed = new WeakMap<object, number>();
  for (const agent of Object.values(agents)) agent.on("free", (socket: object) => freed.set(socket, clock.now()));

  /** A frozen process runs no timers, so how long a socket was idle is known by the clock, when it is wanted again. */
  function dropIdle(agent: http.Agent): void {
    const oldest = clock.now() - IDLE_MS;
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []))
      if ((freed.get(socket) ?? 0) <= oldest) socket.destroy();
  }

  const send: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const { method = "GET", headers, body, signal } = init;
      const secure = url.startsWith("https:");
      const agent = secure ? agents.https : agents.http;
      dropIdle(agent);
      const asked = (secure ? https : http).request(url, {
        agent,
        method,
        headers: { "accept-encoding": "gzip", ...headers },
        ...(signal === undefined ? {} : { signal }),
      });
      let answered = false;
      asked.on("response", (response) => {
        answered = true;
        resolve(replyOf(url, response));
      });
      asked.on("error", (error) => {
        if (signal?.aborted === true) reject(signal.reason as Error);
        // A kept connection that the other side had closed meanwhile. A read is simply asked again; a write may have arrived.
        else if (asked.reusedSocket && !answered && method === "GET") resolve(send(url, init));
        else reject(error);
      });
      asked.end(body);
    });
  return send;
}

function replyOf(url: string, response: http.IncomingMessage): FetchReply {
  const bytes = read(response);
  // A reply that nobody reads to its end may break off unseen.
  bytes.catch(() => undefined);
  return {
    url,
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? "",
    headers: new Map(
      Object.entries(response.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(", ") : `${value}`,
      ]),
    ),
    text: async () => (await bytes).toString("utf8"),
    arrayBuffer: async () => new Uint8Array(await bytes).buffer,
  };
}

async function read(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`the reply is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks, length);
  return response.headers["content-encoding"] === "gzip" ? unzip(bytes, { maxOutputLength: MAX_BYTES }) : bytes;
}

const unzip = promisify(gunzip);
