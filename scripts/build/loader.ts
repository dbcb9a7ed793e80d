// index.mjs of a function whose code is large: V8's cache of it saves more than half of a cold start. One that does not fit (another
// V8, another processor, other flags) is safely refused by V8, and told: infra counts the line.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCode } from "./code.ts";

const folder = import.meta.dirname;

function cacheOf(file: string): Buffer | undefined {
  const path = join(folder, `${file}.cache`);
  return existsSync(path) ? readFileSync(path) : undefined;
}

const code = runCode(folder, process.env["AWS_LAMBDA_FUNCTION_NAME"] ?? "function", cacheOf);
const rejected = [...code.scripts].filter(([, script]) => script.cachedDataRejected === true);
if (rejected.length > 0)
  console.log(
    JSON.stringify({
      time: new Date().toISOString(),
      level: "warn",
      msg: "code cache rejected",
      node: process.version,
    }),
  );

export const handler = code.exports["handler"];
