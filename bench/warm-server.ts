// One webhook server in a process of its own: forked by warm.ts. It says what it has cost whenever it is asked.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WEBHOOK_SECRET } from "../scripts/rehearsal/stage.ts";
import { toMessages } from "../src/core/event.ts";
import { receive } from "../src/receive.ts";
import { Secret } from "../src/secret.ts";

const secret = new Secret(WEBHOOK_SECRET);
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** In one write: what node:http makes of an answer is nobody's of those that are compared. */
const respond = (response: ServerResponse, status: number, body: string): void =>
  void response.writeHead(status, { "content-length": Buffer.byteLength(body) }).end(body);

const servers: Readonly<Record<string, () => Promise<RequestListener>>> = {
  /** Collects the body, verifies, parses, answers with a word: the least that anybody has to do. */
  floor: async () => async (request, response) => {
    const body = await bodyOf(request);
    const given = Buffer.from(String(request.headers["x-hub-signature-256"]).slice(7), "hex");
    if (!timingSafeEqual(createHmac("sha256", WEBHOOK_SECRET).update(body).digest(), given))
      return void response.writeHead(401).end();
    JSON.parse(body.toString("utf8"));
    respond(response, 202, '{"queued":1}');
  },
  /** All of ours but the call to SQS, which the floor has not either. */
  ours: async () => async (request, response) => {
    const body = await bodyOf(request);
    const headers = request.headers as Record<string, string>;
    const answer = await receive(
      { method: request.method ?? "", headers, body },
      {
        secrets: async () => [secret],
        read: toMessages,
        queue: { send: async () => undefined },
        clock: { now: Date.now },
        ownAppId: 77,
        log: silent,
      },
    );
    respond(response, answer.status, answer.body);
  },
  octokit: async () => {
    const { createNodeMiddleware, Webhooks } = await import("@octokit/webhooks");
    const webhooks = new Webhooks({ secret: WEBHOOK_SECRET });
    webhooks.on("pull_request", () => undefined);
    const middleware = createNodeMiddleware(webhooks, { path: "/" });
    return (request, response) => void middleware(request, response);
  },
};

const listener = await servers[process.argv[2] ?? ""]?.();
const server = createServer(listener);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ us: user + system });
});
process.on("disconnect", () => process.exit(0));
