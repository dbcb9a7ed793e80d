import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFunctions, packFolder } from "../../scripts/package.ts";

let dir = "";
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "proa-package-"))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The same two files, as another person, at another time, in another order. */
function folder(name: string, { mode, time, order }: { mode: number; time: Date; order: readonly string[] }): string {
  const path = join(dir, name);
  mkdirSync(join(path, "templates"), { recursive: true });
  for (const file of order) {
    writeFileSync(join(path, file), `content of ${file}`);
    chmodSync(join(path, file), mode);
    utimesSync(join(path, file), time, time);
  }
  return path;
}

describe("a zip", () => {
  const files = ["index.mjs", "templates/a.yaml"];
  const one = { mode: 0o600, time: new Date(2020, 1, 1), order: files };

  test("has one hash, whoever made it, when and in which order", () => {
    const other = { mode: 0o755, time: new Date(2026, 6, 6), order: files.toReversed() };
    const [a, b] = [packFolder("x", folder("a", one)), packFolder("x", folder("b", other))];
    expect(b.sha256).toBe(a.sha256);
    expect(Buffer.compare(a.zip, b.zip)).toBe(0);
  });

  test("has the same hash in every time zone", () => {
    const path = folder("zones", one);
    const script = `const { packFolder } = await import(${JSON.stringify(fileURLToPath(new URL("../../scripts/package.ts", import.meta.url)))});
      console.log(packFolder("x", ${JSON.stringify(path)}).sha256);`;
    const hashIn = (TZ: string): string =>
      execFileSync(process.execPath, ["--input-type=module", "-e", script], {
        encoding: "utf8",
        env: { ...process.env, TZ },
      });
    expect(new Set(["Pacific/Kiritimati", "America/Los_Angeles", "UTC"].map(hashIn)).size).toBe(1);
  });

  test("has another hash when a byte is another", () => {
    const path = folder("changed", one);
    const before = packFolder("x", path).sha256;
    writeFileSync(join(path, "index.mjs"), "content of index.mjS");
    expect(packFolder("x", path).sha256).not.toBe(before);
  });

  test("unpacks to what went in", () => {
    const entries = unzipSync(packFolder("x", folder("back", one)).zip);
    const texts = Object.entries(entries).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]);
    expect(texts).toEqual(files.map((file) => [file, `content of ${file}`]));
  });
});

test("two builds of one source are one package each, byte for byte", async () => {
  // Another processor's: V8's cache, which takes half a minute, is left out then and has a test beside the bundles'.
  const arch = process.arch === "x64" ? "arm64" : "x64";
  const hashes = async () => (await packageFunctions({ arch })).map(({ name, sha256 }) => [name, sha256]);
  const first = await hashes();
  expect(first.map(([name]) => name)).toEqual(["deployer", "reporter", "sweeper", "tick", "webhook"]);
  expect(await hashes()).toEqual(first);
});
