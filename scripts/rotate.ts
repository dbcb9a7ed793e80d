// `npm run proa -- rotate <what>`: a new webhook secret or App key, without losing a delivery.
import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../src/clock.ts";
import { privateKey as readPrivateKey } from "../src/settings-read.ts";
import { OLDEST_MS } from "../src/settings-secret.ts";
import { AWS_OPTIONS, AWS_USAGE, useAws } from "./installation/aws-options.ts";
import { defineCommand } from "./installation/command.ts";
import { type AppAdmin, createAppAdmin } from "./installation/github-app.ts";
import { pingWebhook } from "./installation/ping.ts";
import { keyIn } from "./installation/key-file.ts";
import { createSecrets, type SecretValues, textIn } from "./installation/secrets.ts";
import { requireStack, secretIds, type Stack, webhookUrl } from "./installation/stack.ts";
import { sentenceOf, Stop } from "./installation/stop.ts";
import { confirmed, type Terminal } from "./installation/terminal.ts";
import { keyFingerprint } from "./rotate/app-key.ts";
import { rotateWebhookSecret, standing } from "./rotate/webhook-secret.ts";

const USAGE = `npm run proa -- rotate webhook-secret [options]
npm run proa -- rotate app-key --private-key <file.pem> [options]

webhook-secret: makes a new one, lets the webhook take both, gives GitHub the new one, and takes the old one away when nothing
is under way with it. Cut off, it is run again and goes on where it was. It takes about two minutes.

app-key: puts a key that you made on the App's page ("Private keys") in the place of the stored one.

  --apply                  do it
${AWS_USAGE}`;

const OPTIONS = {
  "private-key": { type: "string" },
  apply: { type: "boolean", default: false },
  ...AWS_OPTIONS,
} as const;

const FORM = { usage: USAGE, options: OPTIONS, takes: ["what"] } as const;

export const rotate = defineCommand(FORM, async ({ values, positionals }, terminal) => {
  const [what] = positionals;
  const { "private-key": keyFile, apply } = values;
  const isKey = what === "app-key";
  if ((!isKey && what !== "webhook-secret") || isKey !== (keyFile !== undefined)) {
    terminal.print(USAGE);
    return 2;
  }
  const stack = await requireStack(useAws(values));
  return keyFile === undefined ? webhookSecret(stack, apply, terminal) : appKey({ stack, keyFile, apply }, terminal);
});

async function webhookSecret(stack: Stack, apply: boolean, terminal: Terminal): Promise<number> {
  const secrets = createSecrets();
  const ids = secretIds(stack);
  const hookUrl = webhookUrl(stack);
  const [app, webhook] = await Promise.all([secrets.read(ids.app), secrets.read(ids.webhook)]);
  const found = standing(textIn(webhook, "PROA_WEBHOOK_SECRETS"));
  const admin = adminOf(stack, app, textIn(app, "PROA_GITHUB_PRIVATE_KEY"));
  const { slug } = await admin.app();
  terminal.print(`Webhook secret of the App ${slug}, stack ${stack.name} (${stack.account}, ${stack.region})

  1. ${found.kind === "settled" ? "add a new secret beside the present one" : "the new secret is stored beside the old one already"}
  2. wait until the webhook takes both
  3. give GitHub the new one; deliveries go to ${hookUrl}
  4. ask again for whatever failed meanwhile
  5. take the old one away
`);
  if (!(await confirmed(apply, terminal, "Rotate it?"))) return 0;
  await rotateWebhookSecret({
    secretId: ids.webhook,
    secrets,
    admin,
    hookUrl,
    ping: async (secret) => (await pingWebhook(hookUrl, secret)).status,
    wait,
    now: () => systemClock.now(),
    say: (line) => terminal.print(line),
  });
  return 0;
}

interface NewKey {
  readonly stack: Stack;
  readonly keyFile: string;
  readonly apply: boolean;
}

async function appKey({ stack, keyFile, apply }: NewKey, terminal: Terminal): Promise<number> {
  const secrets = createSecrets();
  const ids = secretIds(stack);
  const app = await secrets.read(ids.app);
  const pem = keyIn(keyFile).reveal();
  const { slug, htmlUrl } = await adminOf(stack, app, pem)
    .app()
    .catch((cause: unknown) => {
      throw new Stop(`GitHub does not take this key for the stored App: ${sentenceOf(cause)}`, { cause });
    });
  const old = textIn(app, "PROA_GITHUB_PRIVATE_KEY");
  terminal.print(`Key of the App ${slug}, stack ${stack.name} (${stack.account}, ${stack.region})

  new  ${keyFingerprint(pem)}, which GitHub takes
  old  ${old === null ? "none" : fingerprintOf(old)}
`);
  if (!(await confirmed(apply, terminal, "Store the new one?"))) return 0;
  await secrets.merge(ids.app, { PROA_GITHUB_PRIVATE_KEY: pem });
  terminal.print(`Stored. The functions use it within ${OLDEST_MS / 60_000} minutes. After that, delete the old key on the App's page
(${htmlUrl} → App settings → Private keys), and ${keyFile} here.`);
  return 0;
}

/** What is stored may be no key at all, which is one reason to put another in its place. */
function fingerprintOf(stored: string): string {
  try {
    return keyFingerprint(readPrivateKey({ stored }, "stored").reveal());
  } catch {
    return "unreadable";
  }
}

function adminOf(stack: Stack, app: SecretValues, pem: string | null): AppAdmin {
  const appId = Number(textIn(app, "PROA_GITHUB_APP_ID"));
  if (!(appId > 0) || pem === null) throw new Stop(`the stack ${stack.name} has no App yet: run npm run proa -- setup`);
  const apiUrl = stack.parameters["GitHubApiUrl"] ?? "https://api.github.com";
  return createAppAdmin({ apiUrl, appId, privateKey: readPrivateKey({ key: pem }, "key") });
}
