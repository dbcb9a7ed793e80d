import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { pythonWithPackages } from "./python.ts";

export interface Ministack {
  readonly url: string;
  /** Whose environment has this speaks to MiniStack, as its administrator. */
  readonly env: AwsEnvironment;
  /** Of its process group: MiniStack itself and the functions' processes. */
  readonly group: number;
  close(): Promise<void>;
}

export interface AwsEnvironment {
  readonly AWS_ENDPOINT_URL: string;
  readonly AWS_REGION: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

/** For an AWS SDK's client. */
export function clientOptions(env: AwsEnvironment) {
  const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY };
  return { endpoint: env.AWS_ENDPOINT_URL, region: env.AWS_REGION, credentials };
}

export interface MinistackOptions {
  /** Besides what the stack gives them, every function has this in its environment. */
  readonly functions?: Readonly<Record<string, string>>;
}

const LAUNCHER = fileURLToPath(new URL("ministack.py", import.meta.url));
export const ACCOUNT = "111122223333";
// Not the region that everybody has as a default: a forgotten one shows.
export const REGION = "eu-west-1";
const IDENTITY = { AWS_REGION: REGION, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
const START_WITHIN_MS = 60_000;

/** One MiniStack of its own, ready, on 127.0.0.1 alone. It ends with this process at the latest, and what it runs with it. */
export async function startMinistack(options: MinistackOptions = {}): Promise<Ministack> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startAt(await freePort(), options);
    } catch (error) {
      // A port that was free a moment ago may be somebody else's by now.
      if (attempt === 3) throw error;
    }
  }
}

async function startAt(port: number, { functions = {} }: MinistackOptions): Promise<Ministack> {
  const python = await pythonWithPackages();
  const dir = mkdtempSync(join(tmpdir(), "proa-ministack-"));
  const mark = randomUUID();
  const child = spawn(python.command, [LAUNCHER, dir], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...inherited(), ...python.env, ...functions, ...settings({ dir, port, mark }) },
  });
  let output = "";
  const keep = (chunk: Buffer): void => void (output = `${output}${chunk.toString()}`.slice(-20_000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  // A broken pipe says what `close` says as well.
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  const died = closed.then(() => {
    throw new Error(`MiniStack ended on port ${port}:\n${output}`);
  });
  died.catch(() => {});
  const started = once(child.stdout, "data");
  const url = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    child.stdin.end();
    await closed;
  };
  try {
    const [line] = (await Promise.race([started, died])) as [Buffer];
    await Promise.race([healthy(url, mark), died]);
    return { url, env: { AWS_ENDPOINT_URL: url, ...IDENTITY }, group: Number.parseInt(line.toString(), 10), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The functions inherit MiniStack's environment: nothing of whoever runs the tests may look like AWS, or like settings of Proa. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS|PROA|NODE|VITEST|npm)_/.test(name)));
}

function settings({ dir, port, mark }: { dir: string; port: number; mark: string }): Record<string, string> {
  return {
    BIND_HOST: "127.0.0.1",
    // Signatures and IAM policies count: a function may do what its role says and nothing else.
    AUTH: "true",
    MINISTACK_ACCOUNT_ID: ACCOUNT,
    MINISTACK_HOST: "127.0.0.1",
    GATEWAY_PORT: `${port}`,
    MINISTACK_REGION: IDENTITY.AWS_REGION,
    MINISTACK_EDITION: mark,
    AWS_ACCESS_KEY_ID: IDENTITY.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: IDENTITY.AWS_SECRET_ACCESS_KEY,
    // Listeners of theirs that take any address.
    IOT_MTLS_ENABLED: "0",
    SFTP_ENABLED: "0",
    TMPDIR: dir,
    STATE_DIR: join(dir, "state"),
    S3_DATA_DIR: join(dir, "s3"),
    // Functions run on the first `node` of PATH: this one, as Lambda's nodejs24.x would be.
    PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`,
  };
}

/** Answers, and is the one that was started: `edition` is a name of ours. */
async function healthy(url: string, mark: string): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  for (;;) {
    const health = await fetch(`${url}/_ministack/health`).then(
      async (response) => (await response.json()) as { edition?: string },
      () => null,
    );
    if (health?.edition === mark) return;
    if (performance.now() > deadline)
      throw new Error(`MiniStack is not ready at ${url} within ${START_WITHIN_MS / 1000} s`);
    await delay(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
