import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Image } from "./image.ts";

export interface ContainerStart {
  readonly image: Image;
  /** As the pod says; empty: the image's own. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Ports the pod declares. */
  readonly ports: readonly number[];
  readonly print: (line: string) => void;
}

/** A container's real process on this machine. */
export interface Container {
  /** The port it has inside the simulated pod, and the one it really listens on. */
  readonly podPort: number;
  readonly port: number;
  readonly exited: Promise<number>;
  state(): "starting" | "running" | "exited";
  listening(): boolean;
  signal(name: "SIGTERM" | "SIGKILL"): void;
  run(argv: readonly string[]): Promise<{ code: number; output: string }>;
}

const preload = fileURLToPath(new URL("loopback.cjs", import.meta.url));
/** After this a process that does not listen counts as running all the same: a worker, or one that never will. */
const patienceMs = 5_000;

/**
 * Runs an image's command. Every process is told a free port of this machine as PORT; the port the manifest gave it (its own
 * PORT, else its first containerPort) is what probes and Services know it by.
 */
export async function startContainer(start: ContainerStart): Promise<Container> {
  const { image, print } = start;
  const port = await freePort();
  const declared = { ...image.env, ...start.env };
  const podPort = Number(declared["PORT"] ?? start.ports[0] ?? 0);
  const env = environment(declared, port);
  const argv = commandLine(start).map((word) => inImage(image.root, word));
  if (argv.length === 0) print("no command specified: neither the image nor the pod says what to run");
  const cwd = join(image.root, start.workingDir ?? image.workingDir);
  mkdirSync(cwd, { recursive: true });

  const child = launch(argv, { cwd, env });
  follow(child, print);
  let state: "starting" | "running" | "exited" = "starting";
  let listening = false;
  const exited = exitOf(child).then((code) => {
    state = "exited";
    listening = false;
    kill(child, "SIGKILL"); // what it started dies with it, as in a container's process namespace
    return code;
  });
  if (start.ports.length === 0 && declared["PORT"] === undefined) state = "running";
  else void waitForPort();

  return {
    podPort,
    port,
    exited,
    state: () => state,
    listening: () => listening,
    signal(name) {
      if (name === "SIGTERM") child.kill("SIGTERM");
      else kill(child, "SIGKILL");
    },
    async run(words) {
      const other = launch(
        words.map((word) => inImage(image.root, word)),
        { cwd, env },
      );
      const lines: string[] = [];
      follow(other, (line) => lines.push(line));
      const code = await exitOf(other);
      return { code, output: lines.join("\n") };
    },
  };

  async function waitForPort(): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (state !== "exited" && !listening) {
      listening = await canConnect(port, 500);
      if (listening || Date.now() > deadline) state = state === "starting" ? "running" : state;
      if (!listening) await new Promise((resolve) => setTimeout(resolve, state === "starting" ? 20 : 250));
    }
  }
}

/** Kubernetes: `command` replaces the entrypoint and drops the image's own arguments; `args` replaces only these. */
function commandLine({ image, command, args }: ContainerStart): readonly string[] {
  if (command.length > 0) return [...command, ...args];
  return [...image.entrypoint, ...(args.length > 0 ? args : image.cmd)];
}

/** Nothing of this machine's environment reaches a container but what it needs to find programs. */
function environment(declared: Readonly<Record<string, string>>, port: number): Record<string, string> {
  const { PATH = "/usr/bin:/bin" } = process.env; // oxlint-disable-line node/no-process-env
  return {
    LANG: "C.UTF-8",
    HOME: tmpdir(),
    ...declared,
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    PORT: String(port),
    NODE_OPTIONS: [declared["NODE_OPTIONS"], `--require ${JSON.stringify(preload)}`]
      .filter((part) => part !== undefined)
      .join(" "),
  };
}

function inImage(root: string, word: string): string {
  const path = join(root, word);
  return word.startsWith("/") && existsSync(path) && statSync(path).isFile() ? path : word;
}

function launch(
  [command = "", ...args]: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): ChildProcess {
  // A process group of its own: Ctrl-C reaches only us, and SIGKILL reaches everything the process has started.
  return spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe", "ipc"], detached: true });
}

function follow(child: ChildProcess, print: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", print);
  child.on("error", (error) => print(`exec failed: ${error.message}`));
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGTERM" ? 143 : 137)));
  });
}

function kill(child: ChildProcess, signal: "SIGKILL"): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error; // already gone
  }
}

/** Asks the system for a port that is free now. Another program could take it before the container does; it then crashes and is restarted. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

export function canConnect(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: timeoutMs });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
    socket.once("timeout", () => answer(false));
  });
}

export type Asked = { kind: "answer"; status: number } | { kind: "refused" } | { kind: "timeout" };

export function ask(
  port: number,
  path: string,
  options: { headers: Record<string, string[]>; timeoutMs: number },
): Promise<Asked> {
  return new Promise((resolve) => {
    const call = request(
      { host: "127.0.0.1", port, path, headers: options.headers, timeout: options.timeoutMs, agent: false },
      (response) => {
        response.resume();
        resolve({ kind: "answer", status: response.statusCode ?? 0 });
      },
    );
    call.once("timeout", () => {
      resolve({ kind: "timeout" });
      call.destroy();
    });
    call.once("error", () => resolve({ kind: "refused" }));
    call.end();
  });
}
