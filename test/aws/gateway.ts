import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverCertificate } from "../../local/cluster/certificate.ts";

/** What functions call AWS: in front of MiniStack, which has no EKS without Docker, and which does not say who called what. */
export interface Gateway {
  /** What makes a function call it, and trust it. */
  readonly env: { readonly AWS_ENDPOINT_URL: string; readonly NODE_EXTRA_CA_CERTS: string };
  /** Everything that went through, oldest first. */
  readonly calls: readonly Call[];
  /** Where calls go; set once MiniStack runs. */
  forwardTo(url: string): void;
  /** Where an EKS answers that has the cluster: MiniStack has none. */
  addCluster(name: string, eks: string): void;
  close(): Promise<void>;
}

export interface Call {
  /** Whose credentials signed it. */
  readonly accessKeyId: string;
  /** As IAM names it, e.g. `sqs:SendMessage`. */
  readonly action: string;
  readonly status: number;
  readonly request: string;
  readonly response: string;
}

/** With TLS, as AWS: besides, where its endpoint is plain, MiniStack takes TLS from everything else that a function calls on 127.0.0.1. */
export async function startGateway(): Promise<Gateway> {
  const calls: Call[] = [];
  const clusters = new Map<string, URL>();
  let target: URL | null = null;

  async function handle(incoming: IncomingMessage, res: ServerResponse): Promise<void> {
    if (target === null) return void res.writeHead(503).end();
    const body = await readAll(incoming);
    const first = await forward(incoming, body, target);
    // MiniStack has checked the signature and the caller's rights by then: all that is missing is the cluster.
    const eks = first.status === 404 ? clusters.get(clusterOf(incoming) ?? "") : undefined;
    const answer = eks === undefined ? first : await forward(incoming, body, eks);
    calls.push({
      ...identify(incoming),
      status: answer.status,
      request: body.toString(),
      response: answer.body.toString(),
    });
    res.writeHead(answer.status, answer.headers).end(answer.body);
  }

  const dir = mkdtempSync(join(tmpdir(), "proa-gateway-"));
  const { cert, key } = serverCertificate(dir);
  const server = createServer({ cert, key }, (incoming, res) => {
    handle(incoming, res).catch((error: unknown) => {
      // As where the network breaks: functions have to live with it.
      res.destroy(error instanceof Error ? error : undefined);
    });
  });
  // Longer than a client leaves a connection unused: one that is closed while it is taken up again fails the call.
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    env: {
      AWS_ENDPOINT_URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      NODE_EXTRA_CA_CERTS: join(dir, "ca.crt"),
    },
    calls,
    forwardTo(url) {
      target = new URL(url);
    },
    addCluster: (name, eks) => void clusters.set(name, new URL(eks)),
    async close() {
      const closed = once(server.close(), "close");
      server.closeAllConnections();
      await closed;
      rmSync(dir, { recursive: true });
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** With its headers as they came: `Host` is signed. */
async function forward(incoming: IncomingMessage, body: Buffer, { hostname, port }: URL): Promise<Answer> {
  const { method, url: path, headers } = incoming;
  const call = request({ hostname, port, method, path, headers, agent: false });
  call.end(body);
  const [response] = (await once(call, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 502, headers: plain(response.headers), body: await readAll(response) };
}

/** Without what belongs to one connection. */
function plain(headers: IncomingMessage["headers"]): Answer["headers"] {
  const own = new Set(["connection", "transfer-encoding", "keep-alive"]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name)));
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** By the signature's scope and the target header; EKS alone is called by method and path. */
function identify(incoming: IncomingMessage): Pick<Call, "accessKeyId" | "action"> {
  const { headers, method, url = "" } = incoming;
  const scope = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? "");
  const [, accessKeyId = "nobody", service = "unsigned"] = scope ?? [];
  const target = headers["x-amz-target"];
  const named = typeof target === "string" ? target.replace(/^.*\./, "") : `${method} ${url}`;
  return { accessKeyId, action: `${service}:${clusterOf(incoming) === null ? named : "DescribeCluster"}` };
}

/** Whom `DescribeCluster` asks for. */
function clusterOf({ method, url = "", headers }: IncomingMessage): string | null {
  const [, name] = /^\/clusters\/([^/?]+)$/.exec(url) ?? [];
  const isEks = method === "GET" && /\/eks\//.test(headers.authorization ?? "");
  return isEks && name !== undefined ? decodeURIComponent(name) : null;
}
