import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { expect, test } from "vitest";
import { serverCertificate } from "../../local/cluster/certificate.ts";
import { certificateOf } from "../../scripts/doctor/names-facts.ts";

/** Presents a certificate for localhost, of an authority that nobody knows. */
async function server(t: { onTestFinished: (end: () => void) => void }): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "proa-names-"));
  const { cert, key } = serverCertificate(dir);
  const listening = createServer({ cert, key }, (socket) => socket.end()).listen(0, "127.0.0.1");
  t.onTestFinished(() => {
    listening.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await once(listening, "listening");
  return (listening.address() as AddressInfo).port;
}

test("a certificate for another name is not what a browser would take", async (t) => {
  const found = await certificateOf("proa-doctor-1.preview.example", await server(t), "127.0.0.1");
  expect(found.distrust).toContain("Host: proa-doctor-1.preview.example. is not in the cert's altnames");
});

test("one for the name, of an authority that nobody knows, neither; its end is read all the same", async (t) => {
  const found = await certificateOf("localhost", await server(t), "127.0.0.1");
  expect(found.distrust).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/);
  expect(found.validTo).toBeGreaterThan(0);
});

test("where nobody listens, that is what is said", async () => {
  await expect(certificateOf("localhost", 1, "127.0.0.1")).rejects.toThrow("ECONNREFUSED");
});
