import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../../src/core/names.ts";

/** What a repository holds: tag → digest, manifest digest → media type, blob digest → nothing more. */
export type Kind = "tags" | "manifests" | "blobs";

export type RegistryFiles = ReturnType<typeof openRegistryFiles>;

/**
 * The registry on disk: content once, by digest, and per repository small files that say what of it belongs there. Every
 * file appears whole, by rename, so neither a crash nor two pushes at once leave half of one. null: there is none.
 */
export function openRegistryFiles(dir: string) {
  const contents = join(dir, "contents");
  const uploads = join(dir, "uploads");
  for (const folder of [contents, uploads]) mkdirSync(folder, { recursive: true });

  const folderOf = (repository: string, kind: Kind): string =>
    join(dir, "repositories", encodeURIComponent(repository), kind);
  const pathOf = (repository: string, kind: Kind, name: string): string =>
    join(folderOf(repository, kind), encodeURIComponent(name));

  async function write(path: string, content: string | Buffer): Promise<void> {
    const draft = join(uploads, randomUUID());
    await writeFile(draft, content);
    await rename(draft, path);
  }

  return {
    contentPath: (digest: Digest): string => join(contents, encodeURIComponent(digest)),
    uploadPath: (id: string): string => join(uploads, id),

    async size(path: string): Promise<number | null> {
      return (await orNull(stat(path)))?.size ?? null;
    },

    async keep(digest: Digest, content: Buffer): Promise<void> {
      await write(join(contents, encodeURIComponent(digest)), content);
    },

    async get(repository: string, kind: Kind, name: string): Promise<string | null> {
      return orNull(readFile(pathOf(repository, kind, name), "utf8"));
    },

    async names(repository: string, kind: Kind): Promise<string[] | null> {
      const names = await orNull(readdir(folderOf(repository, kind)));
      return names === null ? null : names.map(decodeURIComponent).sort();
    },

    async put(repository: string, kind: Kind, name: string, value: string): Promise<void> {
      await mkdir(folderOf(repository, kind), { recursive: true });
      await write(pathOf(repository, kind, name), value);
    },

    async remove(repository: string, kind: Kind, name: string): Promise<void> {
      await rm(pathOf(repository, kind, name), { force: true });
    },
  };
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
