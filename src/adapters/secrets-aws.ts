import type { Millis } from "../core/names.ts";
import { parseJson } from "../core/json.ts";
import { OutsideError } from "../core/problem.ts";
import { type AwsEnvironment, createAwsCall } from "./aws-call.ts";

export interface SecretOptions {
  /** ARN of the secret. */
  readonly id: string;
  readonly env: AwsEnvironment;
  readonly clock: { now(): Millis };
}

/** Settings that are secret, or that only `proa setup` learns. Other names are left to the version that knows them. */
const NAME = /^PROA_(?:GITHUB_(?:APP_ID|APP_SLUG|PRIVATE_KEY)|WEBHOOK_SECRETS|REGISTRIES)$/;

/**
 * Reads the settings that the secret holds, as variables; none of them: nobody has run `proa setup` yet.
 * @throws OutsideError never with a value in it
 */
export function createAwsSecret({ id, env, clock }: SecretOptions): () => Promise<Readonly<Record<string, string>>> {
  const endpoint = `https://secretsmanager.${env["AWS_REGION"]}.${id.startsWith("arn:aws-cn:") ? "amazonaws.com.cn" : "amazonaws.com"}`;
  const call = createAwsCall({ service: "secretsmanager", endpoint, env, clock, timeoutMs: 2_000, attempts: 2 });
  return async () => {
    const { SecretString } = (await call("GetSecretValue", { SecretId: id })) as { readonly SecretString?: unknown };
    const values = typeof SecretString === "string" ? flat(SecretString) : null;
    if (values === null) {
      const detail = `secret ${id}: not a JSON object of texts; run \`proa setup\` again`;
      throw new OutsideError({ code: "invalid", detail, retryable: false });
    }
    return values;
  };
}

/** null: not what `proa setup` writes. */
function flat(json: string): Record<string, string> | null {
  const value = parseJson(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const known = Object.entries(value).filter(([name]) => NAME.test(name));
  return known.every(([, text]) => typeof text === "string") ? Object.fromEntries(known) : null;
}
