import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, buildFunctions, canCache } from "../../scripts/build.ts";

const run = promisify(execFile);
/** As Lambda starts Node; sizes are not among what V8 compares. */
const LAMBDA = ["--expose-gc", "--max-semi-space-size=16", "--max-old-space-size=230"];
const LARGE = ["deployer", "reporter", "sweeper"];

let dir = "";
let bundles: readonly Bundle[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "proa-code-cache-"));
  bundles = await buildFunctions(join(dir, "here"), { arch: process.arch });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Of everything that is shipped, by path. */
function hashes(folder: string): Record<string, string> {
  const files = globSync("*/**/*.*", { cwd: folder }).filter((file) => !file.startsWith("maps/"));
  const hash = (file: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, file)))
      .digest("hex");
  return Object.fromEntries(files.sort().map((file) => [file, hash(file)]));
}

/** What a process says that imports the function, as Lambda does. */
async function started(name: string, flags: readonly string[]): Promise<string> {
  const script = `const { handler } = await import(${JSON.stringify(join(dir, "here", name, "index.mjs"))});
    console.log(typeof handler, process.moduleLoadList.some((module) => module.includes("undici")) ? "undici" : "lean");`;
  return (await run(process.execPath, [...flags, "--input-type=module", "-e", script], { env: {} })).stdout;
}

describe("what is built", () => {
  test("is the same, byte for byte, in another folder and another process", async () => {
    await buildFunctions(join(dir, "elsewhere", "deeper"), { arch: process.arch });
    expect(hashes(join(dir, "elsewhere", "deeper"))).toEqual(hashes(join(dir, "here")));
  });

  test.each(LARGE)("%s reads neither client-node's undici nor SQLite before somebody needs them", (name) => {
    const code = readFileSync(join(dir, "here", name, "code.js"), "utf8");
    expect(["undici", "node:sqlite"].filter((rare) => code.includes(rare))).toEqual([]);
  });

  test("has V8's cache for the large functions, where it can be made, and none where the small ones would gain nothing", () => {
    const cached = bundles.filter(({ cacheBytes }) => cacheBytes > 0).map(({ name }) => name);
    expect(cached).toEqual(canCache(process.arch) ? LARGE : []);
  });

  test("has none for a processor that this machine has not", () => {
    expect(canCache(process.arch === "x64" ? "arm64" : "x64")).toBe(false);
  });
});

describe("a function that starts", () => {
  test.each(["webhook", "tick", ...LARGE])(
    "%s takes its cache under Lambda's flags, and loads no undici",
    async (name) => {
      expect(await started(name, LAMBDA)).toBe("function lean\n");
    },
  );

  test("one whose cache does not fit says so, and starts all the same", async () => {
    const lines = (await started("deployer", [])).trim().split("\n");
    const told = { time: "", level: "warn", msg: "code cache rejected", node: process.version };
    const said = lines.slice(0, -1).map((line) => ({ ...(JSON.parse(line) as object), time: "" }));
    expect(said).toEqual(canCache(process.arch) ? [told] : []);
    expect(lines.at(-1)).toBe("function lean");
  });

  test("one without a cache starts without a word", async () => {
    for (const file of globSync("sweeper/*.cache", { cwd: join(dir, "here") })) rmSync(join(dir, "here", file));
    expect(await started("sweeper", LAMBDA)).toBe("function lean\n");
  });
});
