import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../../src/core/names.ts";

/** An error as the specification has it: a code of its table and a sentence. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

export function sendEmpty(res: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  res.writeHead(status, { "content-length": "0", ...headers }).end();
}

export interface Content {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly type: string;
}

export async function sendContent(req: IncomingMessage, res: ServerResponse, content: Content): Promise<void> {
  res.writeHead(200, {
    "content-type": content.type,
    "content-length": content.size,
    "docker-content-digest": content.digest,
  });
  if (req.method === "HEAD") res.end();
  else await pipeline(createReadStream(content.path), res);
}

export const sha256 = (content: string | Buffer): Digest =>
  `sha256:${createHash("sha256").update(content).digest("hex")}` as Digest;
