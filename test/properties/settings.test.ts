import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readSettings } from "../../src/settings.ts";
import { SettingsError } from "../../src/settings-read.ts";
import { hostileText, hostileValue, runs } from "./arbitrary.ts";

const CANARY = "canary-7f3a-canary-7f3a";
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const good: Readonly<Record<string, string>> = {
  PROA_GITHUB_APP_ID: "77",
  PROA_GITHUB_APP_SLUG: "proa-test",
  PROA_GITHUB_PRIVATE_KEY: String(key.export({ type: "pkcs8", format: "pem" })),
  PROA_WEBHOOK_SECRETS: CANARY,
  PROA_STORE: "sqlite:/var/lib/proa/store.db",
  PROA_QUEUE: "sqlite:/var/lib/proa/queue.db",
  PROA_KUBECONFIG: "/etc/proa/kubeconfig",
  PROA_IMAGES: "registry.example/acme/**",
  PROA_DEFAULT_IMAGE: "registry.example/{owner}/{repo}-{service}",
  PROA_DOMAIN: "preview.example.com",
};
const OPTIONAL =
  "GITHUB_API_URL CLUSTERS REGISTRIES PUBLIC_URL INGRESS_CLASS INGRESS_NAMESPACE_LABEL SECRETS_NAMESPACE PREVIEW_MAX_CPU PREVIEW_MAX_MEMORY LOGS_IN_PUBLIC DASHBOARD_URL";
const variables = [...Object.keys(good), ...OPTIONAL.split(" ").map((name) => `PROA_${name}`)];

const registry = hostileValue.map((entry) => JSON.stringify({ "r.example": entry }));
const password = fc
  .record({ kind: hostileText, url: hostileText, username: hostileText }, { requiredKeys: [] })
  .map((entry) => JSON.stringify({ "r.example": { ...entry, password: CANARY } }));

/** One to four variables set to anything. */
const change = fc.oneof(
  fc.tuple(fc.constantFrom(...variables), fc.oneof(hostileText, registry)),
  fc.tuple(fc.constant("PROA_REGISTRIES"), password),
);
const changed = fc
  .array(change, { minLength: 1, maxLength: 4 })
  .map((changes) => ({ ...good, ...Object.fromEntries(changes) }));

/** What is wrong with what was read, or with how it was refused. */
function faults(env: Readonly<Record<string, string>>): string[] {
  try {
    const { installation, webhookSecrets, github } = readSettings(env);
    const { username, password, search, hash } = new URL(github.apiUrl);
    const weak = webhookSecrets.length === 0 || webhookSecrets.some((secret) => secret.reveal().length < 16);
    return [
      ...(weak ? ["a weak secret"] : []),
      ...(username + password + search + hash === "" ? [] : [github.apiUrl]),
      ...installation.imageAllowList.filter((glob) => !/^[a-z0-9.:-]+\/\S+$/.test(glob)),
      ...(new URL(installation.publicUrl.replaceAll("{host}", "h.example")).hostname === "h.example"
        ? []
        : [installation.publicUrl]),
    ];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const bare = error.mistakes.filter(
      ({ variable, wrong, remedy }) => !variables.includes(variable) || wrong.trim() === "" || remedy.trim() === "",
    );
    const quoted = [CANARY, "PRIVATE KEY"].filter((secret) => error.message.includes(secret));
    return [...quoted, ...bare.map((mistake) => JSON.stringify(mistake))];
  }
}

test("whatever the environment holds, it is read, or every mistake is named with its remedy and no secret is quoted", () => {
  fc.assert(
    fc.property(changed, (env) => {
      expect(faults(env)).toEqual([]);
    }),
    runs(2_000),
  );
});
