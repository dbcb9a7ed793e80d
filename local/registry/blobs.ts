import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { isRepository } from "../../src/core/image.ts";
import { parseDigest, type Digest } from "../../src/core/names.ts";
import type { RegistryFiles } from "./files.ts";
import { Refusal, sendContent, sendEmpty } from "./http.ts";

export interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly repository: string;
  /** The path's last part: a tag or digest, or an upload's id. */
  readonly name: string;
  readonly query: URLSearchParams;
}

/** Blobs: read and removed by digest, and uploaded in one request, in two, or in chunks. */
export function blobHandlers(files: RegistryFiles) {
  async function read({ req, res, repository, name }: Call): Promise<void> {
    const digest = digestOf(name);
    const path = files.contentPath(digest);
    const size = (await files.get(repository, "blobs", digest)) === null ? null : await files.size(path);
    if (size === null) throw unknownBlob(repository, digest);
    await sendContent(req, res, { path, size, digest, type: "application/octet-stream" });
  }

  async function remove({ res, repository, name }: Call): Promise<void> {
    const digest = digestOf(name);
    if ((await files.get(repository, "blobs", digest)) === null) throw unknownBlob(repository, digest);
    await files.remove(repository, "blobs", digest);
    sendEmpty(res, 202);
  }

  async function start(call: Call): Promise<void> {
    const { res, repository, query } = call;
    const mount = parseDigest(query.get("mount"));
    const from = query.get("from") ?? "";
    if (mount !== null && isRepository(from) && (await files.get(from, "blobs", mount)) !== null) {
      return created(res, repository, mount);
    }
    const name = randomUUID();
    await writeFile(files.uploadPath(name), "");
    if (query.has("digest")) return finish({ ...call, name });
    sendEmpty(res, 202, uploadHeaders(repository, name, 0));
  }

  async function append(call: Call): Promise<void> {
    await receive(call);
    sendEmpty(call.res, 202, uploadHeaders(call.repository, call.name, await sizeOf(call)));
  }

  async function status(call: Call): Promise<void> {
    sendEmpty(call.res, 204, uploadHeaders(call.repository, call.name, await sizeOf(call)));
  }

  async function finish(call: Call): Promise<void> {
    const digest = digestOf(call.query.get("digest") ?? "");
    await receive(call);
    const path = files.uploadPath(call.name);
    const actual = await sha256OfFile(path);
    if (actual !== digest) {
      await rm(path);
      throw new Refusal(400, "DIGEST_INVALID", `what was uploaded has the digest ${actual}, not ${digest}`);
    }
    await rename(path, files.contentPath(digest));
    await created(call.res, call.repository, digest);
  }

  async function cancel(call: Call): Promise<void> {
    await sizeOf(call);
    await rm(files.uploadPath(call.name));
    sendEmpty(call.res, 204);
  }

  async function receive(call: Call): Promise<void> {
    const size = await sizeOf(call);
    const start = /^(\d+)-\d+$/.exec(call.req.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== size) {
      throw new Refusal(416, "BLOB_UPLOAD_INVALID", `the next chunk starts at ${size}, not at ${start}`);
    }
    await pipeline(call.req, createWriteStream(files.uploadPath(call.name), { flags: "a" }));
  }

  async function sizeOf({ name }: Call): Promise<number> {
    const size = /^[0-9a-f-]{36}$/.test(name) ? await files.size(files.uploadPath(name)) : null;
    if (size === null) throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", `there is no upload ${name}`);
    return size;
  }

  async function created(res: ServerResponse, repository: string, digest: Digest): Promise<void> {
    await files.put(repository, "blobs", digest, "");
    const location = `/v2/${repository}/blobs/${digest}`;
    sendEmpty(res, 201, { location, "docker-content-digest": digest });
  }

  return { read, remove, start, append, status, finish, cancel };
}

/** `Range` names the last byte received, so an empty upload says 0-0 as well. */
function uploadHeaders(repository: string, id: string, size: number): Record<string, string> {
  const location = `/v2/${repository}/blobs/uploads/${id}`;
  return { location, range: `0-${Math.max(size - 1, 0)}`, "docker-upload-uuid": id };
}

const unknownBlob = (repository: string, digest: Digest): Refusal =>
  new Refusal(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}`);

function digestOf(text: string): Digest {
  const digest = parseDigest(text);
  if (digest === null) throw new Refusal(400, "DIGEST_INVALID", `"${text}" is not a sha256 digest`);
  return digest;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest("hex")}`;
}
