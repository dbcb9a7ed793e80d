import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createOciRegistry } from "../../src/adapters/registry-oci.ts";
import { OutsideError } from "../../src/core/problem.ts";
import { hostileText, hostileValue, runs } from "./arbitrary.ts";
import { serve, type Stub } from "./stub.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const digestOf = (content: string | Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;

const stubs: Stub[] = [];
afterEach(async () => {
  for (const stub of stubs.splice(0)) await stub.close();
});
async function started(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Stub> {
  const stub = await serve(answer);
  stubs.push(stub);
  return stub;
}

/** The digest, null, or the problem; anything else that is thrown is a bug. */
async function outcome({ url }: Stub, more: { timeoutMs?: number } = {}): Promise<string | null> {
  const credentials = async () => ({ username: "bot", password: "canary-7f3a" });
  try {
    return await createOciRegistry({ url, credentials, timeoutMs: 30_000, ...more }).digest("acme/web", "v1");
  } catch (error) {
    if (!(error instanceof OutsideError) || error.message.includes("canary")) throw error;
    return error.problem.code;
  }
}

test("any answer is the digest of what came, no image, or a problem that says so", async () => {
  let answer: { status: number; headers: Record<string, string>; body: string } = {
    status: 200,
    headers: {},
    body: "",
  };
  const stub = await started((request, response) => {
    const head = request.method === "HEAD";
    response.writeHead(answer.status, answer.headers).end(head ? undefined : answer.body);
  });
  const header = hostileText.map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, ""));
  const any = fc.record({
    status: fc.constantFrom(200, 200, 200, 201, 204, 206, 300, 304, 307, 400, 401, 404, 410, 418, 429, 500, 503),
    headers: fc.record(
      {
        "content-type": fc.oneof(fc.constantFrom(MANIFEST, INDEX, "text/html", `${INDEX}; charset=utf-8`), header),
        "docker-content-digest": fc.oneof(fc.constant(digestOf("other")), fc.constant("sha256:ABC"), header),
        "www-authenticate": fc.oneof(
          fc.constantFrom("Basic", "Bearer", 'Bearer realm=""', 'Bearer realm="x:"'),
          header,
        ),
        location: fc.oneof(fc.constantFrom("/v2/", "//", "http://[", "?"), header),
        "retry-after": fc.oneof(fc.constantFrom("-1", "1e9", "soon"), header),
      },
      { requiredKeys: [] },
    ),
    body: fc.oneof(
      hostileText,
      hostileValue.map((value) => JSON.stringify(value) ?? ""),
    ),
  });
  await fc.assert(
    fc.asyncProperty(any, async (given) => {
      answer = { ...given, headers: { ...given.headers } };
      const found = await outcome(stub);
      const codes = ["forbidden", "rate-limited", "unavailable", "invalid", "not-found"];
      const named = given.headers["docker-content-digest"];
      expect([null, digestOf(given.body), named, ...codes]).toContain(found);
      expect(found === null || codes.includes(found) || /^sha256:[0-9a-f]{64}$/.test(found)).toBe(true);
    }),
    runs(150),
  );
});

describe("what is not what it says is refused:", () => {
  const index = (children: number): string =>
    JSON.stringify({
      schemaVersion: 2,
      manifests: Array.from({ length: children }, (_, i) => ({ digest: digestOf(`${i}`) })),
    });
  const answering =
    (content: string | Buffer, headers: Record<string, string>) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : content);
    };

  test.each<[title: string, answer: (request: IncomingMessage, response: ServerResponse) => void]>([
    [
      "an index under another digest",
      answering(index(1), { "content-type": INDEX, "docker-content-digest": digestOf("x") }),
    ],
    ["an index of forty thousand images", answering(index(40_000), { "content-type": INDEX })],
    ["an index of text", answering('{"manifests":"x"}', { "content-type": INDEX })],
    [
      "an index of SHA-512",
      answering(`{"manifests":[{"digest":"sha512:${"a".repeat(128)}"}]}`, { "content-type": INDEX }),
    ],
    ["an index of a path", answering('{"manifests":[{"digest":"../../../x"}]}', { "content-type": INDEX })],
    ["no JSON", answering("<html>", { "content-type": INDEX })],
    ["five megabytes", answering(Buffer.alloc(5 * 1024 * 1024, " "), { "content-type": MANIFEST })],
    [
      "sixty-four megabytes in sixty-four kilobytes",
      answering(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { "content-type": MANIFEST, "content-encoding": "gzip" }),
    ],
    ["a redirect in circles", (_request, response) => response.writeHead(307, { location: "/v2/again" }).end()],
    [
      "a login at no address",
      (_request, response) => response.writeHead(401, { "www-authenticate": 'Bearer realm="x"' }).end(),
    ],
    [
      "a login in a file",
      (_request, response) =>
        response.writeHead(401, { "www-authenticate": 'Bearer realm="file:///etc/passwd"' }).end(),
    ],
  ])("%s", async (_, answer) => {
    const stub = await started(answer);
    expect(await outcome(stub)).toBe("invalid");
    expect(stub.asked.length).toBeLessThan(10);
  });
});

test("a redirect to another host is not followed, and nothing of ours goes there", async () => {
  const elsewhere = await started((_request, response) => response.writeHead(200).end());
  const away = await started((_request, response) =>
    response.writeHead(307, { location: `${elsewhere.url}/v2/` }).end(),
  );
  expect(await outcome(away)).toBe("invalid");
  expect(elsewhere.asked).toEqual([]);
});

test("a login that redirects to another host does not take the password along", async () => {
  const elsewhere = await started((_request, response) => response.writeHead(200).end());
  const registry = await started((request, response) => {
    if (request.url?.startsWith("/token")) return void response.writeHead(302, { location: elsewhere.url }).end();
    response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
  });
  expect(await outcome(registry)).toBe("invalid");
  expect(elsewhere.asked).toEqual([]);
});

test("an answer that never ends is given up", async () => {
  const endless = await started((_request, response) => {
    response.writeHead(200, { "content-type": MANIFEST });
    const drip = setInterval(() => response.write(" "), 10);
    response.on("close", () => clearInterval(drip));
  });
  // HEAD has no body to wait for, so what comes without a digest is asked for whole.
  expect(await outcome(endless, { timeoutMs: 300 })).toBe("unavailable");
});
