import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { WEBHOOK_SECRET } from "../scripts/rehearsal/stage.ts";

const BYTES = 25_249;
const example = JSON.parse(
  readFileSync(new URL("../test/fixtures/pull-request-opened.json", import.meta.url), "utf8"),
) as { pull_request: { body: string } };

/** A pull request's webhook as long as GitHub's usually are, signed. */
export const payload = ((): string => {
  const bare = JSON.stringify({ ...example, pull_request: { ...example.pull_request, body: "" } });
  const body = "x".repeat(Math.max(0, BYTES - Buffer.byteLength(bare)));
  return JSON.stringify({ ...example, pull_request: { ...example.pull_request, body } });
})();

export const headers = (): Record<string, string> => ({
  "content-type": "application/json",
  "x-github-event": "pull_request",
  "x-github-delivery": randomUUID(),
  "x-hub-signature-256": `sha256=${createHmac("sha256", WEBHOOK_SECRET).update(payload).digest("hex")}`,
});

/** As a Function URL hands it over. */
export const delivery = (): unknown => ({
  version: "2.0",
  headers: headers(),
  rawPath: "/",
  body: payload,
  isBase64Encoded: false,
  requestContext: { http: { method: "POST", path: "/" } },
});
