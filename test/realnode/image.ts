import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Layer } from "../../local/ci/image.ts";

/** An archive of `docker.io/local/pause:1`, the container that holds a pod's network, as `ctr images import` takes it. */
export function writePauseArchive(busybox: string, work: string): string {
  const dir = join(work, "pause");
  const layer = writeTar({ "/bin/busybox": busybox }, dir);
  const config = JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Entrypoint: ["/bin/busybox", "sleep", "infinity"] },
    rootfs: { type: "layers", diff_ids: [digestOf(readFileSync(layer))] },
  });
  const manifest = [{ Config: "config.json", RepoTags: ["docker.io/local/pause:1"], Layers: ["layer.tar"] }];
  writeFileSync(join(dir, "config.json"), config);
  writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
  const archive = join(work, "pause.tar");
  tar(["-cf", archive, "-C", dir, "config.json", "layer.tar", "manifest.json"]);
  return archive;
}

/** The layer below an application's own: Node, and the libraries of this machine that it is linked with. */
export function writeNodeLayer(node: string, work: string): Layer {
  const libraries = execFileSync("ldd", [node], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  const files = Object.fromEntries([["/usr/local/bin/node", node], ...libraries.map((path) => [path, path])]);
  const plain = readFileSync(writeTar(files, join(work, "node")));
  const file = join(work, "node.tar.gz");
  writeFileSync(file, gzipSync(plain, { level: 1 }));
  return { file, size: statSync(file).size, digest: digestOf(readFileSync(file)), diffId: digestOf(plain) };
}

/** Its bytes depend on the files alone: no times, no owners, one order. */
function writeTar(files: Readonly<Record<string, string>>, dir: string): string {
  const root = join(dir, "root");
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(realpathSync(source), join(root, path));
  }
  mkdirSync(join(root, "tmp"), { recursive: true, mode: 0o777 });
  const file = join(dir, "layer.tar");
  tar(["-cf", file, "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", root, "."]);
  return file;
}

const tar = (args: readonly string[]): void => void execFileSync("tar", args);

const digestOf = (content: Uint8Array): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
