import type { Secret } from "../../src/secret.ts";
import { type Secrets, type SecretValues, textIn } from "../installation/secrets.ts";
import { sentenceOf } from "../installation/stop.ts";
import type { Terminal } from "../installation/terminal.ts";

/** The App as the functions are told of it. */
export interface App {
  readonly id: number;
  readonly slug: string;
  readonly privateKey: Secret;
  readonly webhookSecret: Secret;
}

export type Stored =
  | { readonly kind: "none" }
  /** A former run stored the one secret and not the other. */
  | { readonly kind: "half"; readonly appId: string; readonly missing: readonly string[] }
  | { readonly kind: "app"; readonly appId: string; readonly slug: string };

const APP_KEYS = ["PROA_GITHUB_APP_ID", "PROA_GITHUB_APP_SLUG", "PROA_GITHUB_PRIVATE_KEY"] as const;
const WEBHOOK_KEYS = ["PROA_GITHUB_APP_ID", "PROA_WEBHOOK_SECRETS"] as const;

/** What the two secrets say about an App so far. */
export function storedApp(app: SecretValues, webhook: SecretValues): Stored {
  const appId = textIn(app, "PROA_GITHUB_APP_ID") ?? textIn(webhook, "PROA_GITHUB_APP_ID");
  const missing = [
    ...APP_KEYS.filter((key) => textIn(app, key) === null).map((key) => `${key} of the app`),
    ...WEBHOOK_KEYS.filter((key) => textIn(webhook, key) === null).map((key) => `${key} of the webhook`),
  ];
  if (missing.length === APP_KEYS.length + WEBHOOK_KEYS.length) return { kind: "none" };
  if (missing.length > 0) return { kind: "half", appId: appId ?? "unknown", missing };
  return { kind: "app", appId: appId ?? "", slug: textIn(app, "PROA_GITHUB_APP_SLUG") ?? "" };
}

/**
 * Stores the App, its key first: GitHub shows that once. Where AWS does not take it, a person is asked to try again for as long as
 * they like, and the key stays in this process's memory meanwhile. Answers whether it is stored.
 */
export async function store(
  ids: { readonly app: string; readonly webhook: string },
  app: App,
  secrets: Secrets,
  terminal: Terminal,
): Promise<boolean> {
  for (;;) {
    try {
      await secrets.merge(ids.app, {
        PROA_GITHUB_APP_ID: `${app.id}`,
        PROA_GITHUB_APP_SLUG: app.slug,
        PROA_GITHUB_PRIVATE_KEY: app.privateKey.reveal(),
      });
      // Last: until it is there the webhook answers 503, and GitHub's deliveries can be asked for again.
      await secrets.merge(ids.webhook, {
        PROA_GITHUB_APP_ID: `${app.id}`,
        PROA_WEBHOOK_SECRETS: app.webhookSecret.reveal(),
      });
      return true;
    } catch (error) {
      terminal.print(`AWS did not take the secret: ${sentenceOf(error)}`);
    }
    const answer = await terminal.ask(
      "The App's key is kept here until you answer. Enter to try again, q to give up: ",
    );
    if (answer === null || /^q/i.test(answer)) return false;
  }
}
