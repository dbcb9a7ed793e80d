import { createHash, type Hash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { arch } from "node:os";
import { posix } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Build } from "./plan.ts";
import { tarOf } from "./tar.ts";

export interface Layer {
  readonly file: string;
  readonly size: number;
  readonly digest: string;
  /** Digest of the layer before compression, as the image's config names it. */
  readonly diffId: string;
}

/** The folder as an image layer: everything below `/app`. */
export async function buildLayer(folder: string, file: string): Promise<Layer> {
  const [plain, packed] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      packed.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.from(hashed(tarOf(folder), plain)), createGzip({ level: 1 }), count, createWriteStream(file));
  return { file, size, digest: `sha256:${packed.digest("hex")}`, diffId: `sha256:${plain.digest("hex")}` };
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/** The image of a service on those layers, lowest first. It needs no Node: the local cluster runs `Cmd` with its own. */
export function buildConfig(build: Build, sha: string, layers: readonly Layer[]): Buffer {
  const config = {
    Env: ["NODE_ENV=production", `SOURCE_COMMIT=${sha}`],
    WorkingDir: posix.join("/app", build.path),
    Cmd: build.command,
    ExposedPorts: { [`${build.port}/tcp`]: {} },
  };
  const image = {
    architecture: arch() === "x64" ? "amd64" : arch(),
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  return Buffer.from(JSON.stringify(image));
}

export interface Destination {
  readonly url: string;
  readonly token: string;
  readonly repository: string;
  readonly tag: string;
  readonly signal: AbortSignal;
}

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

export function imageManifest(
  config: Buffer,
  layers: readonly Layer[],
  annotations: Readonly<Record<string, string>> = {},
): Buffer {
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length },
    layers: layers.map(({ digest, size }) => ({ mediaType: LAYER_TYPE, digest, size })),
  };
  return Buffer.from(JSON.stringify(Object.keys(annotations).length === 0 ? manifest : { ...manifest, annotations }));
}

/** Pushes blobs that the registry lacks, then the manifest under its tag. Safe to repeat: everything but the tag is named by digest. */
export async function pushImage(
  config: Buffer,
  layers: readonly Layer[],
  to: Destination,
  manifest: Buffer = imageManifest(config, layers),
): Promise<string> {
  for (const { file, digest } of layers) await pushBlob(await openAsBlob(file), digest, to);
  await pushBlob(new Blob([new Uint8Array(config)]), digestOf(config), to);
  const content = new Blob([new Uint8Array(manifest)], { type: MANIFEST_TYPE });
  await call(to, "PUT", `/v2/${to.repository}/manifests/${to.tag}`, content);
  return digestOf(manifest);
}

async function pushBlob(blob: Blob, digest: string, to: Destination): Promise<void> {
  if ((await call(to, "HEAD", `/v2/${to.repository}/blobs/${digest}`)).status === 200) return;
  const upload = (await call(to, "POST", `/v2/${to.repository}/blobs/uploads/`)).headers.get("location") ?? "";
  await call(to, "PUT", `${upload}?digest=${digest}`, blob);
}

async function call(to: Destination, method: string, path: string, body: Blob | null = null): Promise<Response> {
  const headers = { authorization: `Bearer ${to.token}` };
  const response = await fetch(new URL(path, to.url), { method, headers, body, signal: to.signal });
  const isAnswer = response.ok || (method === "HEAD" && response.status === 404);
  if (!isAnswer) throw new Error(`${method} ${path} at ${to.url}: HTTP ${response.status} ${await response.text()}`);
  await response.body?.cancel();
  return response;
}

export const digestOf = (content: Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
