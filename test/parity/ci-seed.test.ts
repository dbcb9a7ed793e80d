import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { shopFiles } from "../../local/seed/shop.ts";
import { variants, type Variant } from "../../local/seed/variants.ts";

let dir: string;
let shop: ChildProcess | null;
let port: number;
let output: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "shop-"));
  shop = null;
  output = "";
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  ({ port } = probe.address() as AddressInfo);
  await new Promise((done) => probe.close(done));
});
afterEach(async () => {
  if (shop !== null && shop.exitCode === null) {
    shop.kill("SIGKILL");
    await once(shop, "exit");
  }
  rmSync(dir, { recursive: true });
});

function start(variant: Variant): ChildProcess {
  for (const [path, content] of Object.entries({ ...shopFiles(), ...variants[variant](7) })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  const env = { PORT: String(port), SOURCE_COMMIT: "0123456789abcdef" };
  shop = spawn(process.execPath, ["server.js"], { cwd: dir, env });
  const keep = (text: Buffer): void => {
    output += text.toString();
  };
  shop.stdout?.on("data", keep);
  shop.stderr?.on("data", keep);
  return shop;
}

const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);

test("a good version serves, says what it is, and ends cleanly when asked to", async () => {
  const running = start("good");
  await expect.poll(() => output, { timeout: 20_000 }).toContain("is listening");
  expect((await get("/healthz")).status).toBe(200);
  expect(await (await get("/version")).json()).toEqual({ version: "1.7.0", commit: "0123456789abcdef" });
  expect(await (await get("/")).text()).toContain("version 1.7.0 · commit 0123456");
  running.kill("SIGTERM");
  const [code] = (await once(running, "exit")) as [number];
  expect([code, output.includes("GET /version 200")]).toEqual([0, true]);
});

test("a crashing version prints a stack trace and exits with 1", async () => {
  const [code] = (await once(start("crashing"), "close")) as [number];
  expect(code).toBe(1);
  expect(output).toMatch(/TypeError: Cannot read properties of undefined[^]*at openCatalogue .*catalogue\.js:\d+/);
});

test("a version that is never ready serves, but not its health", async () => {
  start("never-ready");
  await expect.poll(() => output, { timeout: 20_000 }).toContain("is listening");
  expect((await get("/healthz")).status).toBe(503);
  expect(output).toContain("ECONNREFUSED warehouse:5432");
});

test("a good version undoes what any other changed", () => {
  const good = variants.good(8);
  for (const variant of Object.values(variants)) expect(Object.keys(variant(7))).toEqual(Object.keys(good));
});
