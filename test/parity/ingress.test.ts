import { once } from "node:events";
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createIngress, type Ingress, type IngressOptions } from "../../local/ingress.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const portOf = (server: Server | ReturnType<typeof createTcpServer>): number => (server.address() as AddressInfo).port;

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  });
  return portOf(server);
}

const pod = (listener: RequestListener): Promise<number> => listening(createServer(listener));

/** A port that nobody listens on any more. */
async function deadPort(): Promise<number> {
  const server = createTcpServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const port = portOf(server);
  await new Promise((done) => server.close(done));
  return port;
}

/** An endpoint that takes the connection and drops it when the request arrives. */
async function droppingPort(): Promise<number> {
  const server = createTcpServer((socket) => socket.on("error", () => undefined).once("data", () => socket.destroy()));
  await once(server.listen(0, "127.0.0.1"), "listening");
  closing.push(() => new Promise((done) => server.close(done)));
  return portOf(server);
}

async function ingress(options: IngressOptions): Promise<number> {
  const made: Ingress = createIngress(options);
  const server = createServer((req, res) => made.handle(req, res));
  server.on("upgrade", (req, socket, head: Buffer) => made.upgrade(req, socket, head));
  const port = await listening(server);
  closing.push(async () => made.close());
  return port;
}

/** Endpoints handed out one after the other, as a controller balances. */
const inTurn = (...ports: number[]): IngressOptions => {
  let n = 0;
  return { route: () => ({ port: ports[n++ % ports.length] ?? 0 }) };
};

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}
async function ask(
  port: number,
  options: { host?: string; path?: string; method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { host = "shop.localhost", path = "/", method = "GET", body, headers } = options;
  const req = request({ host: "127.0.0.1", port, path, method, headers: { host, ...headers } });
  req.end(body);
  const [res] = (await once(req, "response")) as [import("node:http").IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  return { status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() };
}

test("a request goes to its host's pod and says where it came from", async () => {
  const upstream = await pod((req, res) => {
    res
      .writeHead(201, { "x-pod": "web-1", connection: "keep-alive, x-hop", "x-hop": "1" })
      .end(JSON.stringify({ url: req.url, ...req.headers }));
  });
  const seen: string[] = [];
  const port = await ingress({
    route: (host, path) => {
      seen.push(`${host}${path}`);
      return { port: upstream };
    },
  });
  const answer = await ask(port, {
    host: "Shop.localhost:4000",
    path: "/a?b=c",
    headers: { "x-forwarded-for": "6.6.6.6", te: "trailers" },
  });
  expect([answer.status, answer.headers["x-pod"], answer.headers["x-hop"]]).toEqual([201, "web-1", undefined]);
  expect(seen).toEqual(["shop.localhost/a"]);
  const received: unknown = JSON.parse(answer.body);
  expect(received).toMatchObject({
    url: "/a?b=c",
    host: "Shop.localhost:4000",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": "Shop.localhost:4000",
    "x-forwarded-proto": "http",
  });
  expect(received).not.toHaveProperty("te");
});

test("an unknown host gets a page that names the known ones, a known one without pods a 503", async () => {
  const route = (host: string): "unavailable" | null => (host === "shop.localhost" ? "unavailable" : null);
  const port = await ingress({ route, hosts: () => ["shop.localhost"] });
  const unknown = await ask(port, { host: "<b>.localhost" });
  expect([unknown.status, unknown.body.includes("<li>shop.localhost</li>"), unknown.body.includes("<b>")]).toEqual([
    404,
    true,
    false,
  ]);
  expect((await ask(port)).status).toBe(503);
});

test("a refused connection is tried elsewhere, whatever the method", async () => {
  const alive = await pod((req, res) => {
    req.pipe(res);
  });
  const port = await ingress(inTurn(await deadPort(), alive));
  expect((await ask(port)).status).toBe(200);
  expect(await ask(port, { method: "POST", body: "order" })).toMatchObject({ status: 200, body: "order" });
});

test("a connection lost on the way is tried again only where repeating is harmless", async () => {
  const alive = await pod((_req, res) => res.end("ok"));
  const dropping = await droppingPort();
  expect((await ask(await ingress(inTurn(dropping, alive)))).status).toBe(200);
  expect((await ask(await ingress(inTurn(dropping, alive)), { method: "POST", body: "order" })).status).toBe(502);
});

test("after three attempts the answer is 502", async () => {
  let attempts = 0;
  const dead = await deadPort();
  const port = await ingress({
    route: () => {
      attempts += 1;
      return { port: dead };
    },
  });
  expect([(await ask(port)).status, attempts]).toEqual([502, 3]);
});

test("an answer is streamed as it comes", async () => {
  let finish = (): void => undefined;
  const upstream = await pod((_req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).write("data: first\n\n");
    finish = () => res.end("data: last\n\n");
  });
  const port = await ingress(inTurn(upstream));
  const req = request({ host: "127.0.0.1", port, headers: { host: "shop.localhost" } }).end();
  const [res] = (await once(req, "response")) as [import("node:http").IncomingMessage];
  const [first] = (await once(res, "data")) as [Buffer];
  expect(first.toString()).toBe("data: first\n\n");
  finish();
  const [last] = (await once(res, "data")) as [Buffer];
  expect(last.toString()).toBe("data: last\n\n");
});

test("a WebSocket's upgrade becomes a tunnel", async () => {
  const server = createServer();
  server.on("upgrade", (req, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: Upgrade\r\nx-host: ${req.headers.host}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  const port = await ingress(inTurn(await listening(server)));
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  let received = "";
  socket.on("data", (text: string) => {
    received += text;
  });
  socket.write("GET /ws HTTP/1.1\r\nhost: shop.localhost\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n");
  await expect.poll(() => received).toContain("x-host: shop.localhost");
  socket.write("ahoy");
  await expect.poll(() => received).toMatch(/ahoy$/);
  socket.destroy();
});

test("an upgrade for a host without pods is told so", async () => {
  const port = await ingress({ route: () => "unavailable" });
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  socket.write("GET /ws HTTP/1.1\r\nhost: shop.localhost\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n");
  const [text] = (await once(socket, "data")) as [string];
  expect(text).toContain("503 Service Unavailable");
  socket.destroy();
});
