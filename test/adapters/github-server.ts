import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGitHubApp, type GitHubAppOptions } from "../../src/adapters/github-app.ts";
import type { RequestInfo } from "../../src/adapters/github-http.ts";
import { OutsideError, type Problem } from "../../src/core/problem.ts";
import { Secret } from "../../src/secret.ts";

export interface Asked {
  readonly method: string;
  /** With the query, percent-decoded. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Strings and buffers as they are, the rest as JSON. */
  readonly body?: unknown;
  /** Ends the connection instead: at once, or in the middle of a reply. `never`: leaves the asker waiting. */
  readonly broken?: "reset" | "half" | "never";
}

export const APP = { appId: 77, appSlug: "proa-test" };
export const KEYS = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = String(KEYS.privateKey.export({ type: "pkcs1", format: "pem" }));

/** An HTTP server that answers what the test says, on real sockets: `on("GET /repos/acme/shop", answers…)`, the last one repeating. */
export async function startGitHubServer() {
  const script = new Map<string, (Answer | ((asked: Asked) => Answer))[]>();
  const requests: Asked[] = [];
  const infos: RequestInfo[] = [];
  const clock = { at: Date.parse("2026-03-01T12:00:00Z"), now: () => clock.at };
  let tokens = 0;

  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const path = decodeURIComponent(request.url ?? "");
    const asked: Asked = {
      method: request.method ?? "",
      path,
      headers: request.headers,
      body: text === "" ? null : JSON.parse(text),
    };
    requests.push(asked);
    const answers = script.get(`${asked.method} ${path}`) ?? script.get(`${asked.method} ${path.split("?")[0]}`) ?? [];
    const next = answers.length > 1 ? answers.shift() : answers[0];
    const answer = typeof next === "function" ? next(asked) : (next ?? { status: 404, body: { message: "Not Found" } });
    send(response, answer);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const on = (route: string, ...answers: (Answer | ((asked: Asked) => Answer))[]) => void script.set(route, answers);
  on("POST /app/installations/5/access_tokens", () => ({
    status: 201,
    body: { token: `ghs_${++tokens}`, expires_at: new Date(clock.at + 3_600_000).toISOString(), permissions: {} },
  }));

  return {
    url,
    on,
    clock,
    infos,
    requests,
    asked: (route: string) => requests.filter(({ method, path }) => `${method} ${path}`.startsWith(route)),
    tokensGiven: () => tokens,
    app: (overrides: Partial<GitHubAppOptions> = {}) =>
      createGitHubApp({
        ...APP,
        privateKey: new Secret(PEM),
        apiUrl: url,
        userAgent: "proa-test",
        clock,
        onRequest: (info) => void infos.push(info),
        ...overrides,
      }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** How a call failed; one that did not, or failed otherwise, fails the test. */
export async function problemOf(call: Promise<unknown>): Promise<Problem> {
  try {
    await call;
  } catch (error) {
    if (error instanceof OutsideError) return error.problem;
    throw error;
  }
  throw new Error("the call succeeded");
}

export type GitHubServer = Awaited<ReturnType<typeof startGitHubServer>>;

function send(response: ServerResponse, { status = 200, headers = {}, body = {}, broken }: Answer): void {
  const plain = typeof body === "string" || Buffer.isBuffer(body);
  const bytes = plain ? body : JSON.stringify(body);
  switch (broken) {
    case "never":
      return;
    case "reset":
      response.destroy();
      return;
    case "half":
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", "content-length": "1000" });
      response.write(`{"id": 1, "na`, () => response.destroy());
      return;
    case undefined:
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
      response.end(status === 304 || status === 204 ? undefined : bytes);
  }
}
