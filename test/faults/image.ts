import { createHash } from "node:crypto";

/** Where images are pushed to, and as whom. */
export interface Push {
  readonly url: string;
  readonly token: string;
  readonly repository: string;
  readonly tag: string;
}

export interface EmptyImage {
  readonly command: readonly string[];
  /** Its digest's last two digits, by which a fake kubelet, which runs nothing, knows what to play. */
  readonly digest: "00" | "c0";
}

/** Pods that run, and pods that end at once. */
export const IMAGES = {
  run: { command: ["sleep", "1000000"], digest: "00" },
  crash: { command: ["false"], digest: "c0" },
} as const satisfies Readonly<Record<string, EmptyImage>>;

/**
 * Pushes an image without a file in it: what it runs is a program that every machine has, so that a pod costs a few
 * milliseconds. Its digest is the tag's alone. Answers the digest.
 */
export async function pushEmptyImage(to: Push, { command, digest }: EmptyImage): Promise<string> {
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Cmd: [...command], Env: [`SOURCE_COMMIT=${to.tag}`] },
      rootfs: { type: "layers", diff_ids: [] },
    }),
  );
  const { headers } = await send(to, "POST", `/v2/${to.repository}/blobs/uploads/`);
  await send(to, "PUT", `${headers.get("location") ?? ""}?digest=${digestOf(config)}`, config);
  const type = "application/vnd.oci.image.manifest.v1+json";
  const configType = "application/vnd.oci.image.config.v1+json";
  const manifest = ending(digest, {
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: configType, digest: digestOf(config), size: config.length },
    layers: [],
  });
  await send(to, "PUT", `/v2/${to.repository}/manifests/${to.tag}`, manifest, type);
  return digestOf(manifest);
}

function ending(digits: string, image: object): Buffer {
  for (let n = 0; ; n++) {
    const manifest = Buffer.from(JSON.stringify({ ...image, annotations: { "dev.proa.test/nonce": `${n}` } }));
    if (digestOf(manifest).endsWith(digits)) return manifest;
  }
}

async function send(
  { url, token }: Push,
  method: string,
  path: string,
  body: Buffer | null = null,
  type = "application/octet-stream",
): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": type };
  const content = body === null ? null : new Uint8Array(body);
  const response = await fetch(new URL(path, url), { method, headers, body: content });
  if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${await response.text()}`);
  await response.body?.cancel();
  return response;
}

const digestOf = (content: Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
