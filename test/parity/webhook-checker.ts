import { createRequire } from "node:module";
import { Ajv, type ValidateFunction } from "ajv";

const require = createRequire(import.meta.url);

/** What GitHub sends since the schemas were last published. */
const NEWER: readonly RegExp[] = [/^status\$event \/commit\/commit\/verification .*"verified_at"/];

/** Compares a webhook's body with the published schema of its event; empty: it conforms. */
export function createWebhookChecker(): (event: string, payload: unknown) => string[] {
  const schema = require("@octokit/webhooks-schemas/schema.json") as Record<string, unknown>;
  const ajv = new Ajv({ strict: false, validateSchema: false, logger: false, validateFormats: false });
  ajv.addSchema(schema, "webhooks");
  const validators = new Map<string, ValidateFunction | undefined>();
  return (event, payload) => {
    const { action } = payload as { action?: string };
    const name = `${event}$${action ?? "event"}`;
    if (!validators.has(name)) validators.set(name, ajv.getSchema(`webhooks#/definitions/${encodeURIComponent(name)}`));
    const validate = validators.get(name);
    if (validate === undefined) return [`${name}: no such event`];
    if (validate(payload)) return [];
    return (validate.errors ?? [])
      .map(({ instancePath, message, params }) => `${name} ${instancePath} ${message} ${JSON.stringify(params)}`)
      .filter((problem) => !NEWER.some((known) => known.test(problem)));
  };
}
