import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** What one process cost: CPU of all its threads since it was spawned, in microseconds. */
export interface Run {
  /** Until it asked for its first event. */
  readonly initUs: number;
  /** For each event, until it had answered it. */
  readonly answeredUs: readonly number[];
  readonly rssKb: number;
  readonly answers: readonly unknown[];
}

export interface Setting {
  readonly env: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** The next event, asked for when the process is ready for it; null: no more. */
  readonly next: (n: number) => Promise<unknown>;
  /** The moment its answer came. */
  readonly answered?: (n: number) => Promise<void>;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** As Lambda starts Node: its client takes exactly these away from what its workers inherit. */
const FLAGS = ["--expose-gc", "--max-semi-space-size=16", "--max-old-space-size=230"];
const TIMEOUT_MS = 60_000;

/** Runs `folder`'s `index.handler` under Amazon's own runtime client, in a process of its own. A handler that fails ends the run. */
export async function runLambda(folder: string, { env, flags = FLAGS, next, answered }: Setting): Promise<Run> {
  const api = createServer();
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  const child = spawn(
    process.execPath,
    [...flags, "--require", here("ric-shim.cjs"), here("node_modules/aws-lambda-ric/index.mjs")],
    {
      env: {
        ...env,
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(api.address() as AddressInfo).port}`,
        LAMBDA_TASK_ROOT: folder,
        _HANDLER: "index.handler",
        AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
        AWS_LAMBDA_FUNCTION_NAME: "bench",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
        AWS_LAMBDA_FUNCTION_VERSION: "1",
        AWS_LAMBDA_LOG_GROUP_NAME: "bench",
        AWS_LAMBDA_LOG_STREAM_NAME: "bench",
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  try {
    return await new Promise((resolve, reject) => {
      const failed = (why: string): void => reject(new Error(`${folder}: ${why}\n${said}`));
      const timer = setTimeout(() => failed(`no answer in ${TIMEOUT_MS} ms`), TIMEOUT_MS);
      child.on("exit", (code) => failed(`ended with ${code}`));
      let initUs: number | null = null;
      const answeredUs: number[] = [];
      const answers: unknown[] = [];
      let rssKb = 0;

      async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
        const us = Number(request.headers["x-cpu-us"]);
        rssKb = Number(request.headers["x-rss-kb"]);
        if (request.method === "POST") {
          await answered?.(answers.length);
          const body = await text(request);
          response.end();
          if (!String(request.url).endsWith("/response")) return failed(body);
          answeredUs.push(us);
          answers.push(JSON.parse(body));
          return;
        }
        initUs ??= us;
        const event = await next(answers.length);
        if (event === null) {
          clearTimeout(timer);
          return resolve({ initUs, answeredUs, rssKb, answers });
        }
        response.writeHead(200, {
          "lambda-runtime-aws-request-id": `${answers.length}`,
          "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-west-1:123456789012:function:bench",
          "lambda-runtime-deadline-ms": Date.now() + TIMEOUT_MS,
        });
        response.end(JSON.stringify(event));
      }
      api.on(
        "request",
        (request: IncomingMessage, response: ServerResponse) => void serve(request, response).catch(reject),
      );
    });
  } finally {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    api.close();
    api.closeAllConnections();
  }
}

/** One event, as a cold start meets it. */
export async function coldStart(
  folder: string,
  event: unknown,
  env: Setting["env"],
): Promise<{ initUs: number; firstUs: number }> {
  const { initUs, answeredUs } = await runLambda(folder, { env, next: async (n) => (n === 0 ? event : null) });
  return { initUs, firstUs: answeredUs[0] ?? Number.NaN };
}
