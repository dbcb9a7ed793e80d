import { createHash, createPublicKey } from "node:crypto";

/** As the App's page on GitHub shows it beside each key, so that a person finds the old one. */
export function keyFingerprint(pem: string): string {
  const der = createPublicKey(pem).export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(der).digest("base64")}`;
}
