import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { gunzipSync } from "node:zlib";

export interface Image {
  /** Unpacked file system. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
}

export type Registries = Readonly<Record<string, { readonly url: string; readonly token?: string }>>;

/**
 * Pulls an OCI image by `host/repo@sha256:…` or `host/repo:tag` into `dir/<digest>/`; what is there already is used again.
 * Throws in the words of containerd, which end up in the pod's status.
 */
export async function pullImage(reference: string, registries: Registries, dir: string): Promise<Image> {
  const { host, repository, version } = parseReference(reference);
  const registry = registries[host];
  if (registry === undefined) {
    throw new Error(
      `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}": dial tcp: lookup ${host}: no such host`,
    );
  }
  const fetchBlob = (kind: "manifests" | "blobs", name: string) =>
    read({ registry, repository, reference }, kind, name);

  let raw = await fetchBlob("manifests", version);
  if (version.startsWith("sha256:") && digestOf(raw) !== version)
    throw new Error(`failed to pull "${reference}": manifest does not match its digest`);
  let manifest = parseManifest(raw);
  if (manifest.manifests.length > 0) {
    const own =
      manifest.manifests.find(({ platform }) => platform?.architecture === architecture) ?? manifest.manifests[0];
    raw = await fetchBlob("manifests", own?.digest ?? "");
    manifest = parseManifest(raw);
  }

  const home = join(dir, digestOf(raw).replace("sha256:", ""));
  if (!existsSync(home)) {
    const partial = `${home}.${process.pid}`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(join(partial, "rootfs"), { recursive: true });
    for (const { digest } of manifest.layers)
      unpack(checked(await fetchBlob("blobs", digest), digest), join(partial, "rootfs"));
    writeFileSync(join(partial, "config.json"), checked(await fetchBlob("blobs", manifest.config), manifest.config));
    if (existsSync(home)) rmSync(partial, { recursive: true }); // another pod was quicker
    else renameSync(partial, home);
  }
  return { ...parseConfig(readFileSync(join(home, "config.json"))), root: join(home, "rootfs") };
}

const architecture = process.arch === "x64" ? "amd64" : process.arch;

export function parseReference(reference: string): { host: string; repository: string; version: string } {
  const slash = reference.indexOf("/");
  const [host, rest] =
    slash === -1 ? ["docker.io", `library/${reference}`] : [reference.slice(0, slash), reference.slice(slash + 1)];
  const [path = "", digest] = rest.split("@");
  const colon = path.lastIndexOf(":");
  const repository = colon === -1 ? path : path.slice(0, colon);
  return { host, repository, version: digest ?? (colon === -1 ? "latest" : path.slice(colon + 1)) };
}

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

interface Source {
  readonly registry: { readonly url: string; readonly token?: string };
  readonly repository: string;
  readonly reference: string;
}

async function read(
  { registry, repository, reference }: Source,
  kind: "manifests" | "blobs",
  name: string,
): Promise<Buffer> {
  const failed = `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}"`;
  const headers = new Headers({ accept: manifestTypes });
  if (registry.token !== undefined) headers.set("authorization", `Bearer ${registry.token}`);
  const response = await fetch(new URL(`/v2/${repository}/${kind}/${name}`, registry.url), { headers }).catch(
    (cause: unknown) => {
      throw new Error(`${failed}: failed to do request: dial tcp: connection refused`, { cause });
    },
  );
  if (response.status === 404) throw new Error(`rpc error: code = NotFound desc = ${failed}: ${reference}: not found`);
  if (!response.ok)
    throw new Error(`${failed}: unexpected status from GET request: ${response.status} ${response.statusText}`);
  return Buffer.from(await response.arrayBuffer());
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function checked(content: Buffer, digest: string): Buffer {
  if (digestOf(content) !== digest) throw new Error(`blob ${digest} does not match its digest`);
  return content;
}

interface Manifest {
  readonly manifests: readonly { readonly digest: string; readonly platform?: { readonly architecture?: string } }[];
  readonly config: string;
  readonly layers: readonly { readonly digest: string }[];
}

function parseManifest(raw: Buffer): Manifest {
  const parsed = JSON.parse(raw.toString()) as Partial<Omit<Manifest, "config">> & { config?: { digest?: string } }; // OCI image-spec
  return { manifests: parsed.manifests ?? [], config: parsed.config?.digest ?? "", layers: parsed.layers ?? [] };
}

function parseConfig(raw: Buffer): Omit<Image, "root"> {
  const { config = {} } = JSON.parse(raw.toString()) as {
    config?: { Env?: string[] | null; Entrypoint?: string[] | null; Cmd?: string[] | null; WorkingDir?: string };
  };
  const env = (config.Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  return {
    env: Object.fromEntries(env) as Record<string, string>,
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    workingDir: config.WorkingDir ?? "/",
  };
}

// --- Layers: tar (ustar with pax and GNU long names), gzipped or not ---------------------------------------------------

function unpack(layer: Buffer, root: string): void {
  const tar = layer[0] === 0x1f && layer[1] === 0x8b ? gunzipSync(layer) : layer;
  let longName: string | undefined;
  for (let offset = 0; offset + 512 <= tar.length;) {
    const header = tar.subarray(offset, offset + 512);
    if (header[0] === 0) break;
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const body = tar.subarray(offset + 512, offset + 512 + size);
    offset += 512 + Math.ceil(size / 512) * 512;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === "L") longName = body.toString().replace(/\0.*$/s, "");
    else if (type === "x") longName = /\d+ path=(.*)\n/.exec(body.toString())?.[1] ?? longName;
    else if (type !== "g") {
      const prefix = text(header, 345, 155);
      const name = longName ?? (prefix === "" ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`);
      longName = undefined;
      place(
        {
          name,
          type,
          body,
          link: text(header, 157, 100),
          executable: (Number.parseInt(text(header, 100, 8), 8) & 0o111) !== 0,
        },
        root,
      );
    }
  }
}

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly body: Buffer;
  readonly link: string;
  readonly executable: boolean;
}

function place({ name, type, body, link, executable }: Entry, root: string): void {
  const path = inside(root, name);
  const base = name.split("/").findLast((part) => part !== "") ?? "";
  if (base === ".wh..wh..opq") return;
  if (base.startsWith(".wh.")) return rmSync(join(dirname(path), base.slice(4)), { recursive: true, force: true }); // a deletion in this layer
  if (type === "5") return void mkdirSync(path, { recursive: true });
  mkdirSync(dirname(path), { recursive: true });
  inside(realpathSync(root), relative(realpathSync(root), realpathSync(dirname(path)))); // not through a link of an earlier entry either
  if (type === "2") {
    inside(root, link.startsWith("/") ? link : join(dirname(name), link));
    rmSync(path, { force: true });
    return symlinkSync(link.startsWith("/") ? relative(dirname(path), inside(root, link)) : link, path);
  }
  if (type === "1") return writeFileSync(path, readFileSync(inside(root, link)));
  if (type === "0" || type === "\0") writeFileSync(path, body, { mode: executable ? 0o755 : 0o644 });
}

function inside(root: string, name: string): string {
  const path = resolve(root, `./${name}`);
  if (path !== root && !path.startsWith(root + sep))
    throw new Error(`the image's layer holds a path outside its root: ${name}`);
  return path;
}

function text(block: Buffer, start: number, length: number): string {
  return block
    .subarray(start, start + length)
    .toString()
    .replace(/\0.*$/s, "")
    .trim();
}
