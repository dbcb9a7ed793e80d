import { isTag } from "../../src/core/image.ts";
import { parseDigest, type Digest } from "../../src/core/names.ts";
import type { Call } from "./blobs.ts";
import type { RegistryFiles } from "./files.ts";
import { Refusal, sendContent, sendEmpty, sendJson, sha256 } from "./http.ts";

/** Manifests and indexes, by tag and by digest, and the list of tags. */
export function manifestHandlers(
  files: RegistryFiles,
  onPush: (repository: string, tag: string, digest: Digest) => void,
) {
  async function read({ req, res, repository, name }: Call): Promise<void> {
    const { digest, type } = await find(repository, name);
    const path = files.contentPath(digest);
    await sendContent(req, res, { path, size: (await files.size(path)) ?? 0, digest, type });
  }

  async function put({ req, res, repository, name }: Call): Promise<void> {
    const tag = name.includes(":") ? null : name;
    if (tag !== null && !isTag(tag)) throw new Refusal(400, "TAG_INVALID", `"${tag}" is not a tag`);
    const content = await bodyOf(req);
    const digest = sha256(content);
    if (tag === null && name !== digest)
      throw new Refusal(400, "DIGEST_INVALID", `the content has the digest ${digest}`);

    const { type, blobs, manifests } = parseManifest(content, req.headers["content-type"]);
    const missing: Digest[] = [];
    for (const blob of blobs) if ((await files.get(repository, "blobs", blob)) === null) missing.push(blob);
    for (const one of manifests) if ((await files.get(repository, "manifests", one)) === null) missing.push(one);
    if (missing.length > 0) throw new Refusal(400, "MANIFEST_BLOB_UNKNOWN", `push first: ${missing.join(", ")}`);

    await files.keep(digest, content);
    await files.put(repository, "manifests", digest, type);
    if (tag !== null) await files.put(repository, "tags", tag, digest);
    sendEmpty(res, 201, { location: `/v2/${repository}/manifests/${digest}`, "docker-content-digest": digest });
    if (tag !== null) onPush(repository, tag, digest);
  }

  /** By tag: the tag alone. By digest: the manifest, and every tag that names it. */
  async function remove({ res, repository, name }: Call): Promise<void> {
    const { digest } = await find(repository, name);
    if (name !== digest) {
      await files.remove(repository, "tags", name);
    } else {
      for (const tag of (await files.names(repository, "tags")) ?? []) {
        if ((await files.get(repository, "tags", tag)) === digest) await files.remove(repository, "tags", tag);
      }
      await files.remove(repository, "manifests", digest);
    }
    sendEmpty(res, 202);
  }

  async function tags({ res, repository, query }: Call): Promise<void> {
    const all = await files.names(repository, "tags");
    if (all === null) throw new Refusal(404, "NAME_UNKNOWN", `no tag was ever pushed to ${repository}`);
    const rest = all.filter((tag) => tag > (query.get("last") ?? ""));
    const page = rest.slice(0, Number(query.get("n") ?? rest.length));
    if (page.length > 0 && page.length < rest.length) {
      res.setHeader("link", `</v2/${repository}/tags/list?n=${page.length}&last=${page.at(-1)}>; rel="next"`);
    }
    sendJson(res, 200, { name: repository, tags: page });
  }

  async function find(repository: string, name: string): Promise<{ digest: Digest; type: string }> {
    const digest = parseDigest(name) ?? (isTag(name) ? parseDigest(await files.get(repository, "tags", name)) : null);
    const type = digest === null ? null : await files.get(repository, "manifests", digest);
    if (digest === null || type === null) throw new Refusal(404, "MANIFEST_UNKNOWN", `${repository} has no ${name}`);
    return { digest, type };
  }

  return { read, put, remove, tags };
}

interface Manifest {
  readonly type: string;
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
}

/** Takes image manifests and indexes, OCI's and Docker's: whatever names its parts in `config`, `layers` and `manifests`. */
function parseManifest(content: Buffer, contentType: string | undefined): Manifest {
  const body = parseObject(content);
  const type = contentType?.split(";")[0]?.trim() ?? "";
  if (type === "" || ("mediaType" in body && body.mediaType !== type)) {
    throw new Refusal(400, "MANIFEST_INVALID", `the Content-Type "${type}" is not the manifest's own mediaType`);
  }
  const config = "config" in body ? [body.config] : [];
  const layers = "layers" in body && Array.isArray(body.layers) ? body.layers : [];
  const manifests = "manifests" in body && Array.isArray(body.manifests) ? body.manifests : [];
  return { type, blobs: [...config, ...layers].map(digestOf), manifests: manifests.map(digestOf) };
}

function parseObject(content: Buffer): object {
  try {
    const body: unknown = JSON.parse(content.toString("utf8"));
    if (typeof body === "object" && body !== null) return body;
  } catch {
    // said below, as for every other thing that is no manifest
  }
  throw new Refusal(400, "MANIFEST_INVALID", "a manifest is a JSON object");
}

function digestOf(descriptor: unknown): Digest {
  const digest =
    typeof descriptor === "object" && descriptor !== null && "digest" in descriptor ? descriptor.digest : null;
  const parsed = parseDigest(digest);
  if (parsed === null) throw new Refusal(400, "MANIFEST_INVALID", "a part of the manifest has no sha256 digest");
  return parsed;
}

async function bodyOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > 4 * 1024 * 1024) throw new Refusal(413, "SIZE_INVALID", "a manifest may have 4 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
