import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Stop } from "./stop.ts";

/** A secret of the stack: settings by their variables. Values are strings; what else stands there is kept as it is. */
export type SecretValues = Readonly<Record<string, unknown>>;

export const webhookSecretId = (stack: string): string => `${stack}/webhook`;
export const appSecretId = (stack: string): string => `${stack}/app`;

export interface Secrets {
  read(id: string): Promise<SecretValues>;
  /** Changes these keys and no others. Safe to repeat. */
  merge(id: string, changes: SecretValues): Promise<void>;
}

/** The stack's secrets in Secrets Manager, as the functions read them. */
export function createSecrets(client = new SecretsManagerClient()): Secrets {
  async function read(id: string): Promise<SecretValues> {
    try {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
      return parseSecret(id, SecretString ?? "");
    } catch (error) {
      if (error instanceof Error && error.name === "ResourceNotFoundException")
        throw new Stop(`there is no secret ${id}: deploy the stack first (npm run deploy)`, { cause: error });
      throw error;
    }
  }
  return {
    read,
    async merge(id, changes) {
      const merged = { ...(await read(id)), ...changes };
      await client.send(new PutSecretValueCommand({ SecretId: id, SecretString: JSON.stringify(merged) }));
    },
  };
}

/** Without the parser's own message, which would quote the secret. */
export function parseSecret(id: string, text: string): SecretValues {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    throw new Stop(`the secret ${id} is not JSON: it is an object of settings, {"PROA_GITHUB_APP_ID": "…", …}`);
  }
  throw new Stop(`the secret ${id} is not a JSON object of settings`);
}

/** null: not there, or nothing in it. */
export function textIn(values: SecretValues, name: string): string | null {
  const value = values[name];
  return typeof value === "string" && value.trim() !== "" ? value : typeof value === "number" ? String(value) : null;
}
