import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export type Answer =
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** The connection ends without an answer; `silent` never answers at all. */
  | "reset"
  | "silent";

export interface StubServer {
  readonly kubeConfig: string;
  readonly asked: Asked[];
  /** Connections accepted so far. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

/** Answers with what `answer` says, over real sockets, and keeps what it was asked. */
export async function startServer(answer: (asked: Asked) => Answer): Promise<StubServer> {
  const asked: Asked[] = [];
  let connections = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request);
    const url = new URL(request.url ?? "/", "http://stub");
    const one: Asked = {
      method: request.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: body === "" ? null : (JSON.parse(body) as unknown),
    };
    asked.push(one);
    send(answer(one), response);
  };
  const server = createServer((request, response) => void handle(request, response));
  server.on("connection", () => (connections += 1));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    kubeConfig: kubeConfigFor(`http://127.0.0.1:${port}`),
    asked,
    connections: () => connections,
    close: () => close(server),
  };
}

/** `status` as the API server words it. */
export const status = (code: number, reason: string, message: string, details: object = {}): Answer => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code },
});

/** client-node refuses plain HTTP unless verification is off, and then treats it like TLS: one Agent per request if left alone. */
export const kubeConfigFor = (server: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "stub",
    clusters: [{ name: "stub", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "proa", user: { token: "stub-token" } }],
    contexts: [{ name: "stub", context: { cluster: "stub", user: "proa" } }],
  });

function send(answer: Answer, response: ServerResponse): void {
  if (answer === "silent") return;
  if (answer === "reset") {
    response.destroy();
    return;
  }
  const text = typeof answer.body === "string";
  response.writeHead(answer.status, { "content-type": text ? "text/plain" : "application/json", ...answer.headers });
  response.end(text ? answer.body : JSON.stringify(answer.body));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}
