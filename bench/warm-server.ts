// One webhook server in a process of its own: forked by warm.ts. It says what it has cost whenever it is asked.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
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

const servers: Readonly<Record<string, () => Promise<RequestListener>>> = {
  /** Collects the body, verifies, parses: the least that anybody has to do. */
  floor: async () => async (request, response) => {
    const body = await bodyOf(request);
    const given = Buffer.from(String(request.headers["x-hub-signature-256"]).slice(7), "hex");
    if (!timingSafeEqual(createHmac("sha256", WEBHOOK_SECRET).update(body).digest(), given))
      return void response.writeHead(401).end();
    JSON.parse(body.toString("utf8"));
    response.writeHead(202).end();
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
    response.writeHead(answer.status).end(answer.body);
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
