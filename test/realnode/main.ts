import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { built } from "../cluster/build.ts";
import { kubectl } from "../parity/kubectl.ts";
import { writeNodeLayer, writePauseArchive } from "./image.ts";
import { unpackPackages } from "./packages.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What of this machine stands in the way; null: nothing. */
function obstacle(): string | null {
  if (process.platform !== "linux") return `pods are Linux processes and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "namespaces, mounts and cgroups need root";
  return null;
}

/** The end-to-end tests on real pods: builds and fetches what a node needs, then runs vitest on it. Arguments go to vitest. */
async function main(args: readonly string[]): Promise<number> {
  const because = obstacle();
  if (because !== null) {
    console.log(`Tests on real pods are left out: ${because}.`);
    return 0;
  }
  const work = mkdtempSync(join(tmpdir(), "proa-realnode-"));
  try {
    const bin = dirname(await built("minicluster"));
    await built("kubelet");
    const root = unpackPackages(join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "proa", "realnode"));
    const env = {
      BIN: bin,
      KUBECTL: await kubectl(),
      ROOT: root,
      PAUSE: writePauseArchive(join(root, "bin/busybox"), work),
      REALNODE_BASE: JSON.stringify(writeNodeLayer(process.execPath, work)),
    };
    const vitest = here("../../node_modules/vitest/vitest.mjs");
    const config = here("../../vitest.realnode.config.ts");
    return await run(here("node.sh"), [work, process.execPath, vitest, "run", "--config", config, ...args], env);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main(process.argv.slice(2));
