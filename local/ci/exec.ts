import { spawn } from "node:child_process";

export interface ExecOptions {
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Ended {
  /** null: killed. */
  readonly code: number | null;
  readonly timedOut: boolean;
  /** stdout and stderr as they came, the last part of it. */
  readonly tail: string;
}

const TAIL_CHARS = 8000;

/** Runs a command in a process group of its own, so that whatever it started ends with it. */
export async function exec(command: string, args: readonly string[], options: ExecOptions): Promise<Ended> {
  options.signal.throwIfAborted();
  const { cwd, env } = options;
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // the whole group has ended by itself
    }
  };
  let tail = "";
  const keep = (text: string): void => {
    tail = (tail + text).slice(-TAIL_CHARS);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);

  let timedOut = false;
  // The machine's time, not the world's: a test that steps the world ahead must not kill what really runs.
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, options.timeoutMs);
  options.signal.addEventListener("abort", kill, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", kill); // a server that a test left behind would hold the pipes open
      child.once("close", resolve);
    });
    options.signal.throwIfAborted();
    return { code, timedOut, tail };
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", kill);
  }
}
