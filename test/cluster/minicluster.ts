import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { built } from "./build.ts";

export interface Minicluster {
  /** The administrator's, as text. */
  readonly kubeconfig: string;
  /** State and logs: `kubeconfig`, `log`, `pki/`, `pod.log`. Removed by `stop` unless it was given. */
  readonly dir: string;
  readonly version: string;
  stop(): Promise<void>;
}

export interface MiniclusterOptions {
  readonly dir?: string;
  readonly port?: number;
  readonly nodes?: number;
  /** Without the fake kubelet, pods wait for a real one. */
  readonly kwok?: boolean;
  readonly apiserverArgs?: readonly string[];
}

/** A control plane of its own, ready; it ends with this process at the latest. */
export async function startMinicluster(options: MiniclusterOptions = {}): Promise<Minicluster> {
  const child = spawn(await built("minicluster"), ["--exit-with-stdin", ...flags(options)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  // A broken pipe says what `close` says as well.
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  const died = closed.then(([code]) => {
    throw new Error(errors.trim() || `minicluster ended with ${code}`);
  });
  died.catch(() => {});
  const [line] = (await Promise.race([once(createInterface({ input: child.stdout }), "line"), died])) as [string];
  const ready = JSON.parse(line) as { kubeconfig: string; dir: string; version: string };
  return {
    kubeconfig: readFileSync(ready.kubeconfig, "utf8"),
    dir: ready.dir,
    version: ready.version,
    async stop() {
      child.stdin.end();
      await closed;
    },
  };
}

const flags = ({ dir, port, nodes, kwok, apiserverArgs = [] }: MiniclusterOptions): string[] => [
  ...(dir === undefined ? [] : [`--dir=${dir}`]),
  ...(port === undefined ? [] : [`--port=${port}`]),
  ...(nodes === undefined ? [] : [`--nodes=${nodes}`]),
  ...(kwok === undefined ? [] : [`--kwok=${kwok}`]),
  ...apiserverArgs.map((flag) => `--apiserver-arg=${flag}`),
];
