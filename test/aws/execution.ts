import { createHash } from "node:crypto";
import type { FunctionName } from "../infra/iam-used.ts";
import { ACCOUNT, REGION } from "./ministack.ts";
import type { Caller } from "./signatures.ts";

/**
 * The credentials MiniStack 1.5.33 gives a function for its role: made from both ARNs, the same each time. A call is known by them, and a
 * signature is checked against them.
 */
export function credentialsOf(stack: string, name: FunctionName): Caller {
  const functionArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${stack}-${name}`;
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/${stack}-${name}-${REGION}`;
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const digest = sha256(`${functionArn}:${roleArn}`);
  return {
    accessKeyId: `ASIA${digest.slice(0, 16).toUpperCase()}`,
    secretAccessKey: sha256(`secret:${digest}`),
    sessionToken: sha256(`token:${digest}`),
  };
}
