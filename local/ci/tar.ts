import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * A folder as a tar archive (POSIX ustar with pax records) whose entries lie under `app/`. The same files give the same bytes:
 * sorted, without times and owners, so a rebuilt commit has the digest it had.
 */
export async function* tarOf(root: string): AsyncGenerator<Buffer> {
  yield* folder(root, "app/");
  yield Buffer.alloc(1024);
}

async function* folder(path: string, name: string): AsyncGenerator<Buffer> {
  yield header({ name, type: "5", mode: 0o755, size: 0 });
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === ".git") continue;
    const at = join(path, entry.name);
    if (entry.isDirectory()) yield* folder(at, `${name}${entry.name}/`);
    if (entry.isSymbolicLink()) {
      yield header({ name: name + entry.name, type: "2", mode: 0o777, size: 0, link: await readlink(at) });
    }
    if (entry.isFile()) {
      const executable = ((await stat(at)).mode & 0o100) !== 0;
      const content = await readFile(at);
      yield header({ name: name + entry.name, type: "0", mode: executable ? 0o755 : 0o644, size: content.length });
      yield padded(content);
    }
  }
}

interface Entry {
  readonly name: string;
  /** `0` file, `2` symbolic link, `5` folder, `x` pax records for the entry that follows. */
  readonly type: "0" | "2" | "5" | "x";
  readonly mode: number;
  readonly size: number;
  readonly link?: string;
}

// Field offsets: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
function header(entry: Entry): Buffer {
  const { name, type, mode, size, link = "" } = entry;
  const records = [...record("path", name), ...record("linkpath", link)];
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(" ".repeat(8), 148); // the checksum counts itself as spaces
  block.write(type, 156);
  block.write(link, 157, 100);
  block.write("ustar\u000000", 257);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\u0000 `,
    148,
  );
  if (records.length === 0) return block;
  const content = Buffer.from(records.join(""));
  return Buffer.concat([header({ name: "pax", type: "x", mode: 0o644, size: content.length }), padded(content), block]);
}

/** ustar's own fields hold 100 bytes; longer ones, and all but ASCII, go into a record that counts its own length. */
function record(key: string, value: string): string[] {
  if (/^[ -~]{0,100}$/.test(value)) return [];
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const digits = String(rest + String(rest).length).length;
  return [`${rest + digits} ${key}=${value}\n`];
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");

const padded = (content: Buffer): Buffer =>
  Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
