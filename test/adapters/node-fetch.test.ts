import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNodeFetch } from "../../src/adapters/node-fetch.ts";

let url = "";
let connections: Socket[] = [];
let requests: IncomingMessage[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const clock = { at: 0, now: () => clock.at };
const server = createServer((request, response) => {
  requests.push(request);
  request.resume();
  request.on("end", () => answer(request, response));
});
server.on("connection", (socket) => void connections.push(socket));

beforeEach(async () => {
  [connections, requests, clock.at] = [[], [], 1_000_000];
  answer = (_, response) => response.end("hello");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
});

/** Reads to the end, after which the connection is kept for the next request. */
async function ask(fetch: ReturnType<typeof createNodeFetch>, method = "GET"): Promise<string> {
  const reply = await fetch(url, { method, ...(method === "GET" ? {} : { body: "{}" }) });
  const text = await reply.text();
  await new Promise(setImmediate);
  return text;
}

test("answers with status, headers and text, as the global fetch would", async () => {
  answer = (_, response) => {
    response.writeHead(418, { "content-type": "text/plain", "x-a": ["1", "2"] });
    response.end("é");
  };
  const reply = await createNodeFetch(clock)(url, {});
  const same = await fetch(url);
  expect([reply.status, reply.url, await reply.text()]).toEqual([same.status, same.url, await same.text()]);
  for (const name of ["content-type", "x-a"]) expect(reply.headers.get(name)).toBe(same.headers.get(name));
  expect(Buffer.from(await reply.arrayBuffer()).toString()).toBe("é");
});

test("asks for gzip and unpacks it", async () => {
  answer = (request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end(gzipSync(`accepts ${request.headers["accept-encoding"]}`));
  };
  expect(await ask(createNodeFetch(clock))).toBe("accepts gzip");
});

test("a redirect is an answer, not a journey", async () => {
  answer = (_, response) => response.writeHead(302, { location: "/elsewhere" }).end();
  expect((await createNodeFetch(clock)(url, {})).status).toBe(302);
  expect(requests).toHaveLength(1);
});

test("a body goes with its length, not in chunks", async () => {
  await ask(createNodeFetch(clock), "POST");
  expect(requests[0]?.headers).toMatchObject({ "content-length": "2" });
});

test("one connection serves requests one after the other", async () => {
  const fetch = createNodeFetch(clock);
  for (const method of ["GET", "POST", "GET"]) await ask(fetch, method);
  expect([requests.length, connections.length]).toEqual([3, 1]);
});

test("a connection that was idle for twenty seconds is not trusted again", async () => {
  const fetch = createNodeFetch(clock);
  await ask(fetch, "POST");
  clock.at += 19_999;
  await ask(fetch, "POST");
  expect(connections).toHaveLength(1);
  clock.at += 20_000;
  await ask(fetch, "POST");
  expect(connections).toHaveLength(2);
});

test("a read on a kept connection that breaks is asked again on a new one, a write is not", async () => {
  const fetch = createNodeFetch(clock);
  const onFirst = (request: IncomingMessage, response: ServerResponse): void =>
    void (request.socket === connections.at(-1) && requests.length % 2 === 0
      ? request.socket.destroy()
      : response.end("hello"));
  answer = onFirst;
  await ask(fetch);
  expect(await ask(fetch)).toBe("hello");
  expect(requests).toHaveLength(3);
  requests = [];
  await ask(fetch);
  await expect(ask(fetch, "POST")).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(requests).toHaveLength(2);
});

test("a read on a new connection that breaks is not repeated", async () => {
  answer = (request) => void request.socket.destroy();
  await expect(ask(createNodeFetch(clock))).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(requests).toHaveLength(1);
});

test("an answer that breaks off fails where it is read", async () => {
  answer = (_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half", () => response.destroy());
  };
  const reply = await createNodeFetch(clock)(url, {});
  expect(reply.status).toBe(200);
  await expect(reply.text()).rejects.toThrow("aborted");
});

test("ends with the reason of its signal, before an answer and within one", async () => {
  const leave = new AbortController();
  const reason = new Error("no longer wanted");
  answer = (_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half");
  };
  const reply = await createNodeFetch(clock)(url, { signal: leave.signal });
  answer = () => leave.abort(reason);
  await expect(createNodeFetch(clock)(url, { signal: leave.signal })).rejects.toBe(reason);
  await expect(reply.text()).rejects.toBeInstanceOf(Error);
});

test("nobody listening is told by its code", async () => {
  const closed = new Promise((resolve) => server.close(resolve));
  await closed;
  await expect(createNodeFetch(clock)(url, {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
