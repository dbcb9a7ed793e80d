import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLocalRegistry } from "../../local/registry.ts";
import { createRegistries } from "../../src/adapters/registry.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const sha256 = (content: string): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;

let dir: string;
let server: Server;
let url: string;
let pushes: string[];

const start = async (): Promise<void> => {
  const onPush = (push: { repository: string; tag: string }): number => pushes.push(`${push.repository}:${push.tag}`);
  const registry = createLocalRegistry({ dir, token: "push-token", onPush });
  server = createServer((req, res) => {
    registry.handle(req, res).catch((error: unknown) => res.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const stop = async (): Promise<void> => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "registry-"));
  pushes = [];
  await start();
});
afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true });
});

interface Sent {
  body?: string;
  headers?: Record<string, string>;
}
const call = (method: string, path: string, { body, headers }: Sent = {}): Promise<Response> =>
  fetch(`${url}${path}`, {
    method,
    headers: { authorization: "Bearer push-token", ...headers },
    ...(body === undefined ? {} : { body }),
  });
const errorCode = async (response: Response): Promise<unknown> => {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return errors[0]?.code;
};

const pushBlob = (repository: string, content: string): Promise<Response> =>
  call("POST", `/v2/${repository}/blobs/uploads/?digest=${sha256(content)}`, { body: content });
const manifestOf = (config: string, ...layers: string[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { digest: sha256(config) },
    layers: layers.map((layer) => ({ digest: sha256(layer) })),
  });
const putManifest = (repository: string, reference: string, body: string, type = MANIFEST): Promise<Response> =>
  call("PUT", `/v2/${repository}/manifests/${reference}`, { body, headers: { "content-type": type } });
const pushImage = async (repository: string, tag: string, content = "layer"): Promise<string> => {
  await pushBlob(repository, "config");
  await pushBlob(repository, content);
  const body = manifestOf("config", content);
  expect((await putManifest(repository, tag, body)).status).toBe(201);
  return sha256(body);
};

test("what was pushed is pulled byte for byte, with its type and digest", async () => {
  const digest = await pushImage("acme/shop-web", "v1");
  for (const reference of ["v1", digest]) {
    const answer = await call("GET", `/v2/acme/shop-web/manifests/${reference}`);
    expect(answer.headers.get("docker-content-digest")).toBe(digest);
    expect(answer.headers.get("content-type")).toBe(MANIFEST);
    expect(sha256(await answer.text())).toBe(digest);
  }
  const blob = await call("GET", `/v2/acme/shop-web/blobs/${sha256("layer")}`);
  expect(await blob.text()).toBe("layer");
  expect(pushes).toEqual(["acme/shop-web:v1"]);
});

test("Proa's own adapter resolves a tag, before and after a restart", async () => {
  const digest = await pushImage("acme/shop-web", "v1");
  await stop();
  await start();
  const registries = createRegistries({ hosts: { "registry.localhost": { url } } });
  expect(await registries.resolve("registry.localhost/acme/shop-web", "v1")).toBe(digest);
  expect(await registries.resolve("registry.localhost/acme/shop-web", "v2")).toBe(null);
  expect(await registries.resolve("registry.localhost/acme/other", "v1")).toBe(null);
  await expect(registries.resolve("registry.localhost/acme/shop:v1", "v1")).rejects.toMatchObject({
    problem: { code: "invalid" },
  });
});

test("a blob arrives in chunks, in order, and only under its own digest", async () => {
  const begun = await call("POST", "/v2/acme/shop/blobs/uploads/");
  expect(begun.status).toBe(202);
  const upload = begun.headers.get("location") ?? "";
  const first = await call("PATCH", upload, { body: "hello ", headers: { "content-range": "0-5" } });
  expect([first.status, first.headers.get("range")]).toEqual([202, "0-5"]);
  expect((await call("PATCH", upload, { body: "late", headers: { "content-range": "9-12" } })).status).toBe(416);
  expect((await call("GET", upload)).headers.get("range")).toBe("0-5");
  const done = await call("PUT", `${upload}?digest=${sha256("hello world")}`, { body: "world" });
  expect([done.status, done.headers.get("location")]).toEqual([201, `/v2/acme/shop/blobs/${sha256("hello world")}`]);
  expect((await call("GET", upload)).status).toBe(404);

  const wrong = await call("POST", `/v2/acme/shop/blobs/uploads/?digest=${sha256("other")}`, { body: "content" });
  expect([wrong.status, await errorCode(wrong)]).toEqual([400, "DIGEST_INVALID"]);
});

test("a blob is mounted from another repository, or uploaded where it is not there", async () => {
  await pushBlob("acme/base", "layer");
  const path = (digest: string): string => `/v2/acme/shop/blobs/uploads/?mount=${digest}&from=acme/base`;
  expect((await call("POST", path(sha256("layer")))).status).toBe(201);
  expect((await call("HEAD", `/v2/acme/shop/blobs/${sha256("layer")}`)).status).toBe(200);
  expect((await call("POST", path(sha256("unknown")))).status).toBe(202);
});

test("a manifest needs its parts, its own type and its own digest", async () => {
  await pushBlob("acme/shop", "config");
  const missing = await putManifest("acme/shop", "v1", manifestOf("config", "layer"));
  expect([missing.status, await errorCode(missing)]).toEqual([400, "MANIFEST_BLOB_UNKNOWN"]);
  const mistyped = await putManifest("acme/shop", "v1", manifestOf("config"), INDEX);
  expect(await errorCode(mistyped)).toBe("MANIFEST_INVALID");
  const misnamed = await putManifest("acme/shop", sha256("other"), manifestOf("config"));
  expect(await errorCode(misnamed)).toBe("DIGEST_INVALID");
  expect(await errorCode(await putManifest("acme/shop", "v1", "not json"))).toBe("MANIFEST_INVALID");
});

test("an index lists manifests of its repository, and resolves as one image", async () => {
  const child = await pushImage("acme/shop", "v1-amd64");
  const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [{ digest: child }] });
  expect((await putManifest("acme/shop", "v1", index, INDEX)).status).toBe(201);
  const registries = createRegistries({ hosts: { "registry.localhost": { url } } });
  expect(await registries.resolve("registry.localhost/acme/shop", "v1")).toBe(sha256(index));
  await call("DELETE", `/v2/acme/shop/manifests/${child}`);
  expect(await registries.resolve("registry.localhost/acme/shop", "v1")).toBe(null);
});

test("tags are listed in order and in pages", async () => {
  for (const tag of ["c", "a", "b"]) await pushImage("acme/shop", tag);
  const first = await call("GET", "/v2/acme/shop/tags/list?n=2");
  expect(await first.json()).toEqual({ name: "acme/shop", tags: ["a", "b"] });
  const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
  const second = await call("GET", next);
  expect([await second.json(), second.headers.get("link")]).toEqual([{ name: "acme/shop", tags: ["c"] }, null]);
  expect(await errorCode(await call("GET", "/v2/acme/none/tags/list"))).toBe("NAME_UNKNOWN");
});

test("deleting a tag keeps the image, deleting the digest takes its tags along", async () => {
  const digest = await pushImage("acme/shop", "v1");
  await pushImage("acme/shop", "v2");
  expect((await call("DELETE", "/v2/acme/shop/manifests/v1")).status).toBe(202);
  expect((await call("HEAD", "/v2/acme/shop/manifests/v1")).status).toBe(404);
  expect((await call("HEAD", `/v2/acme/shop/manifests/${digest}`)).status).toBe(200);
  expect((await call("DELETE", `/v2/acme/shop/manifests/${digest}`)).status).toBe(202);
  expect((await call("HEAD", "/v2/acme/shop/manifests/v2")).status).toBe(404);
  expect((await call("DELETE", `/v2/acme/shop/blobs/${sha256("layer")}`)).status).toBe(202);
  expect((await call("HEAD", `/v2/acme/shop/blobs/${sha256("layer")}`)).status).toBe(404);
});

test("everyone may pull, only the token may push", async () => {
  await pushImage("acme/shop", "v1");
  const as = (authorization: string): Sent => ({ headers: { authorization } });
  expect((await fetch(`${url}/v2/acme/shop/manifests/v1`)).status).toBe(200);
  expect((await call("GET", "/v2/", as("Bearer wrong"))).status).toBe(401);
  const anonymous = await fetch(`${url}/v2/acme/shop/blobs/uploads/`, { method: "POST" });
  expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="registry"']);
  const basic = `Basic ${Buffer.from("ci:push-token").toString("base64")}`;
  expect((await call("POST", "/v2/acme/shop/blobs/uploads/", as(basic))).status).toBe(202);
});

test("paths that are none, and names that are none, are errors in the specification's words", async () => {
  expect(await errorCode(await call("GET", "/v2/acme/shop/nothing/here"))).toBe("NAME_UNKNOWN");
  expect(await errorCode(await call("GET", "/v2/ACME/tags/list"))).toBe("NAME_INVALID");
  expect(await errorCode(await call("POST", "/v2/acme/shop/manifests/v1"))).toBe("UNSUPPORTED");
  expect(await errorCode(await call("DELETE", "/v2/acme/shop/blobs/.."))).not.toBe(undefined);
});
