import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps, type ServerOptions } from "node:https";
import { type AddressInfo, connect, createServer as createNet, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { serverCertificate, type ServerCertificate } from "../../local/cluster/certificate.ts";
import { kubeconfigAccess } from "../../src/adapters/kubeconfig-access.ts";
import { createSend, type Send } from "../../src/adapters/kubernetes-request.ts";
import { problemOf } from "./kubernetes-stub.ts";

let dir: string;
let ours: ServerCertificate;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "proa-tls-"));
  ours = serverCertificate(dir);
});
afterAll(() => rmSync(dir, { recursive: true }));

const open: (Server & { closeAllConnections?: () => void })[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
});
async function portOf(server: Server): Promise<number> {
  open.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
const serve = async (answer: RequestListener, options: ServerOptions = {}): Promise<string> => {
  const server = createHttps({ cert: ours.cert, key: ours.key, ...options }, answer);
  return `https://127.0.0.1:${await portOf(server)}`;
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const kubeconfig = (server: string, { cluster = {}, user = {} }: { cluster?: object; user?: object } = {}): string =>
  JSON.stringify({
    "current-context": "here",
    clusters: [
      { name: "c", cluster: { server, "certificate-authority-data": base64(ours.ca), ...cluster } },
      { name: "other", cluster: { server: "https://127.0.0.1:9" } },
    ],
    users: [{ name: "u", user: { token: "t", ...user } }],
    contexts: [
      { name: "here", context: { cluster: "c", user: "u" } },
      { name: "there", context: { cluster: "other", user: "u" } },
    ],
  });
const sender = (text: string, timeoutMs = 30_000): Send => createSend({ access: kubeconfigAccess(text), timeoutMs });
const get = { method: "GET", path: "/version" } as const;
const patch = { method: "PATCH", path: "/x", body: { type: "application/json-patch+json", value: [] } } as const;

describe("a kubeconfig is read as kubectl reads it", () => {
  test("its token, at its server, below the server's own path", async () => {
    const url = await serve(({ url: path, headers }, response) => response.end(`${path} ${headers.authorization}`));
    expect((await sender(kubeconfig(`${url}/k8s/clusters/c-1/`))(get)).text).toBe("/k8s/clusters/c-1/version Bearer t");
  });

  test("the context that is asked for, or else its current one", async () => {
    const url = await serve((_, response) => response.end());
    const access = kubeconfigAccess(kubeconfig(url), "there");
    expect((await access.enter()).server.url).toBe("https://127.0.0.1:9");
    expect((await kubeconfigAccess(kubeconfig(url)).enter()).server.url).toBe(url);
    await expect(kubeconfigAccess(kubeconfig(url), "nowhere").enter()).rejects.toThrow(
      /context "nowhere" names no clu/,
    );
  });

  test("a client certificate", async () => {
    const url = await serve(
      ({ socket }, response) => response.end(`${socket instanceof TLSSocket && socket.authorized}`),
      { ca: ours.ca, requestCert: true, rejectUnauthorized: false },
    );
    const user = { "client-certificate-data": base64(ours.cert), "client-key-data": base64(ours.key) };
    expect((await sender(kubeconfig(url, { user }))(get)).text).toBe("true");
    expect((await sender(kubeconfig(url))(get)).text).toBe("false");
  });

  test("another name in the server's certificate", async () => {
    const url = await serve(({ socket }, response) => response.end((socket as TLSSocket).servername));
    const named = sender(kubeconfig(url, { cluster: { "tls-server-name": "localhost" } }));
    expect((await named(get)).text).toBe("localhost");
    const misnamed = sender(kubeconfig(url, { cluster: { "tls-server-name": "elsewhere.example" } }));
    expect((await problemOf(misnamed(patch))).code).toBe("unavailable");
  });

  test("a proxy", async () => {
    const url = await serve((_, response) => response.end("behind"));
    const asked: string[] = [];
    const proxy = createHttp().on("connect", ({ url: to }, socket) => {
      asked.push(String(to));
      const onward = connect(Number(new URL(url).port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    const cluster = { "proxy-url": `http://127.0.0.1:${await portOf(proxy)}` };
    expect((await sender(kubeconfig(url, { cluster }))(get)).text).toBe("behind");
    expect(asked).toEqual([new URL(url).host]);
  });

  test("plain HTTP only where it says that nothing is verified", async () => {
    const server = createHttp((_, response) => response.end("plain"));
    const url = `http://127.0.0.1:${await portOf(server)}`;
    expect((await problemOf(sender(kubeconfig(url))(get))).detail).toContain("HTTP protocol is not allowed");
    const cluster = { "insecure-skip-tls-verify": true };
    expect((await sender(kubeconfig(url, { cluster }))(get)).text).toBe("plain");
  });

  test("a plugin's token: one run for all who ask at once, and another when it is refused", async () => {
    const runs = join(dir, "runs");
    writeFileSync(runs, "");
    const plugin = `const fs = require("node:fs"); fs.appendFileSync(${JSON.stringify(runs)}, "x");
      const token = "run-" + fs.readFileSync(${JSON.stringify(runs)}, "utf8").length;
      console.log(JSON.stringify({ status: { token } }));`;
    let good = "Bearer run-1";
    const url = await serve(({ headers }, response) =>
      response.writeHead(headers.authorization === good ? 200 : 401).end(headers.authorization),
    );
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", plugin] };
    const send = sender(kubeconfig(url, { user: { token: undefined, exec } }));
    const replies = await Promise.all([send(get), send(get), send(get)]);
    expect(replies.map(({ text }) => text)).toEqual(["Bearer run-1", "Bearer run-1", "Bearer run-1"]);
    good = "Bearer run-2";
    expect(await send(patch)).toMatchObject({ status: 200, text: "Bearer run-2" });
    expect(readFileSync(runs, "utf8")).toBe("xx");
  });
});

describe("what was never sent has changed nothing, and says so: unavailable, also for a write", () => {
  test("to a server whose certificate another authority signed", async () => {
    const foreign = mkdtempSync(join(dir, "foreign-"));
    let asked = 0;
    const url = await serve((_, response) => {
      asked += 1;
      response.end();
    }, serverCertificate(foreign));
    expect(await problemOf(sender(kubeconfig(url))(patch))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("certificate"),
    });
    expect(asked).toBe(0);
  });

  test("to a server that takes the connection and never speaks", async () => {
    const url = `https://127.0.0.1:${await portOf(createNet((socket) => socket.on("error", () => socket.destroy())))}`;
    expect(await problemOf(sender(kubeconfig(url), 200)(patch))).toMatchObject({
      code: "unavailable",
      detail: expect.stringContaining("no answer in time"),
    });
  });
});

test("where one kept connection is dead, a write is not tried on those that were kept beside it", async () => {
  const sockets = new Set<object>();
  let dead = new Set<object>();
  const url = await serve((request, response) => {
    sockets.add(request.socket);
    if (dead.has(request.socket)) request.socket.destroy();
    else response.end("fine");
  });
  const send = sender(kubeconfig(url));
  await Promise.all([send(get), send(get), send(get)]);
  dead = new Set(sockets);
  expect(dead.size).toBe(3);
  expect((await send(get)).text).toBe("fine");
  expect((await send(patch)).text).toBe("fine");
});

test("a server or a certificate that cannot be read is said, and nothing is sent", async () => {
  expect((await problemOf(sender(kubeconfig("nowhere"))(patch))).detail).toContain('its address is "nowhere"');
  const user = { "client-certificate-data": base64("not a certificate"), "client-key-data": base64("nor a key") };
  expect(await problemOf(sender(kubeconfig("https://127.0.0.1:9", { user }))(patch))).toMatchObject({
    code: "unavailable",
    detail: expect.stringContaining("certificates cannot be read"),
  });
});

describe("an answer that is not whole is none", () => {
  test("a read is asked again, once; a write may have happened", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked += 1;
      response.writeHead(200, { "content-length": "10" });
      response.write("half ", () => (asked === 3 ? response.end("whole") : response.destroy()));
    });
    const send = sender(kubeconfig(url));
    expect(await problemOf(send(patch))).toMatchObject({ code: "unknown-result" });
    expect(asked).toBe(1);
    expect((await send(get)).text).toBe("half whole");
    expect(asked).toBe(3);
    expect(await problemOf(send(get))).toMatchObject({ code: "unavailable" });
    expect(asked).toBe(5);
  });

  test("one without an end is given up", async () => {
    const mebibyte = Buffer.alloc(1024 * 1024);
    const url = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(mebibyte));
      };
      response.on("drain", more);
      more();
    });
    expect((await problemOf(sender(kubeconfig(url), 60_000)(get))).detail).toContain("more than 32 MiB");
  });
});
