import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createOciRegistry } from "../../src/adapters/registry-oci.ts";
import { OutsideError } from "../../src/core/problem.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const DIGEST = `sha256:${"a".repeat(64)}`;
const CHILD = `sha256:${"c".repeat(64)}`;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** A registry on a free port that answers as told and remembers what it was asked. */
async function serving(answer: Answer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    answer(req, res);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const manifest = (res: ServerResponse, headers: Record<string, string> = {}): void => {
  res.writeHead(200, { "content-type": MANIFEST, "docker-content-digest": DIGEST, ...headers }).end();
};

const digestFrom = async (answer: Answer): Promise<unknown> => {
  const { url } = await serving(answer);
  return createOciRegistry({ url, timeoutMs: 2000 })
    .digest("acme/shop-web", "v1")
    .catch((error: unknown) => (error instanceof OutsideError ? error.problem : error));
};

test("a tag is resolved with a single HEAD", async () => {
  const { url, asked } = await serving((_req, res) => manifest(res));
  expect(await createOciRegistry({ url }).digest("acme/shop-web", "v1")).toBe(DIGEST);
  expect(asked).toEqual(["HEAD /v2/acme/shop-web/manifests/v1"]);
});

test("an unknown tag or repository is null, not an error", async () => {
  expect(await digestFrom((_req, res) => res.writeHead(404).end())).toBe(null);
});

test("without the digest header the manifest is fetched and hashed", async () => {
  const content = JSON.stringify({ schemaVersion: 2 });
  const answer = await digestFrom((_req, res) => res.writeHead(200, { "content-type": MANIFEST }).end(content));
  expect(answer).toBe(`sha256:${createHash("sha256").update(content).digest("hex")}`);
});

const index = JSON.stringify({ schemaVersion: 2, manifests: [{ digest: CHILD }] });
const indexDigest = `sha256:${createHash("sha256").update(index).digest("hex")}`;
const indexRegistry =
  (child: number): Answer =>
  (req, res) => {
    if (req.url?.endsWith(CHILD)) res.writeHead(child, { "content-type": MANIFEST }).end();
    else res.writeHead(200, { "content-type": INDEX, "docker-content-digest": indexDigest }).end(index);
  };

test("an index is its own digest once the images it lists are there", async () => {
  expect(await digestFrom(indexRegistry(200))).toBe(indexDigest);
});

test("an index whose images are still being pushed is not there yet", async () => {
  expect(await digestFrom(indexRegistry(404))).toBe(null);
});

test("an index that is not what its digest says is refused", async () => {
  const answer = await digestFrom((_req, res) =>
    res.writeHead(200, { "content-type": INDEX, "docker-content-digest": DIGEST }).end(index),
  );
  expect(answer).toMatchObject({ code: "invalid", retryable: false });
});

test.each([
  { status: 401, problem: { code: "forbidden", retryable: false } },
  { status: 403, problem: { code: "forbidden", retryable: false } },
  {
    status: 429,
    headers: { "retry-after": "7" },
    problem: { code: "rate-limited", retryable: true, retryAfterMs: 7000 },
  },
  { status: 500, problem: { code: "unavailable", retryable: true } },
  { status: 503, problem: { code: "unavailable", retryable: true } },
  { status: 400, problem: { code: "invalid", retryable: false } },
])("HTTP $status is $problem.code", async ({ status, headers, problem }) => {
  expect(await digestFrom((_req, res) => res.writeHead(status, headers).end())).toMatchObject(problem);
});

test("a Retry-After date is read against the registry's own clock", async () => {
  const headers = { date: "Mon, 01 Jan 2024 00:00:00 GMT", "retry-after": "Mon, 01 Jan 2024 00:00:30 GMT" };
  expect(await digestFrom((_req, res) => res.writeHead(429, headers).end())).toMatchObject({ retryAfterMs: 30_000 });
});

test("a registry that is down, or hangs, is unavailable and worth another try", async () => {
  const { url } = await serving(() => undefined);
  const hanging = createOciRegistry({ url, timeoutMs: 50 }).digest("acme/shop-web", "v1");
  await expect(hanging).rejects.toMatchObject({ problem: { code: "unavailable", retryable: true } });
  const down = createOciRegistry({ url: "http://127.0.0.1:1" }).digest("acme/shop-web", "v1");
  await expect(down).rejects.toMatchObject({ problem: { code: "unavailable", retryable: true } });
});

test("a redirect within the host is followed, one to another host refused", async () => {
  const within: Answer = (req, res) => {
    if (req.url?.startsWith("/v2/")) res.writeHead(307, { location: "/elsewhere" }).end();
    else manifest(res);
  };
  expect(await digestFrom(within)).toBe(DIGEST);
  const away: Answer = (_req, res) => res.writeHead(307, { location: "http://evil.example/v2/" }).end();
  expect(await digestFrom(away)).toMatchObject({ code: "invalid", detail: expect.stringContaining("evil.example") });
});

/** A registry that demands a token of its own login endpoint. Tokens can be revoked by counting `generation` up. */
async function withLogin(): Promise<{
  url: string;
  asked: string[];
  logins: (string | undefined)[];
  state: { generation: number };
}> {
  const state = { generation: 1 };
  const logins: (string | undefined)[] = [];
  const { url, asked } = await serving((req, res) => {
    const at = new URL(req.url ?? "/", "http://registry");
    if (at.pathname === "/token") {
      logins.push(req.headers.authorization);
      return res.end(JSON.stringify({ access_token: `t${state.generation} ${at.searchParams.get("scope")}` }));
    }
    if (req.headers.authorization === `Bearer t${state.generation} repository:acme/shop-web:pull`) return manifest(res);
    const challenge = `Bearer realm="${url}/token",service="registry",scope="repository:acme/shop-web:pull"`;
    return res.writeHead(401, { "www-authenticate": challenge }).end();
  });
  return { url, asked, logins, state };
}

test("a challenge is answered with a token, which is kept until the registry refuses it", async () => {
  const { url, asked, logins, state } = await withLogin();
  const registry = createOciRegistry({ url });
  expect(await registry.digest("acme/shop-web", "v1")).toBe(DIGEST);
  expect(await registry.digest("acme/shop-web", "v2")).toBe(DIGEST);
  expect(logins).toEqual([undefined]);
  state.generation += 1;
  expect(await registry.digest("acme/shop-web", "v3")).toBe(DIGEST);
  expect(logins).toHaveLength(2);
  expect(asked.filter((line) => line.startsWith("GET /token"))).toHaveLength(2);
});

test("credentials go to the login endpoint, and to the registry itself where it asks for Basic", async () => {
  const { url, logins } = await withLogin();
  const credentials = async (): Promise<{ username: string; password: string }> => ({
    username: "bot",
    password: "pw",
  });
  await createOciRegistry({ url, credentials }).digest("acme/shop-web", "v1");
  expect(logins).toEqual([`Basic ${Buffer.from("bot:pw").toString("base64")}`]);

  const basic = await serving((req, res) => {
    if (req.headers.authorization === `Basic ${Buffer.from("bot:pw").toString("base64")}`) return manifest(res);
    return res.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
  });
  expect(await createOciRegistry({ url: basic.url, credentials }).digest("acme/shop-web", "v1")).toBe(DIGEST);
});

test("a login endpoint that refuses is forbidden, and says where", async () => {
  const answer = await digestFrom((req, res) => {
    if (req.url?.startsWith("/token")) return res.writeHead(403).end();
    return res.writeHead(401, { "www-authenticate": `Bearer realm="http://${req.headers.host}/token"` }).end();
  });
  expect(answer).toMatchObject({ code: "forbidden", detail: expect.stringContaining("login at 127.0.0.1") });
});
