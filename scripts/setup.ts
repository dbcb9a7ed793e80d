// `npm run proa -- setup`: the GitHub App, and its key and webhook secret where the functions read them.
import { randomBytes } from "node:crypto";
import { Secret } from "../src/secret.ts";
import { AWS_OPTIONS, AWS_USAGE, useAws } from "./installation/aws-options.ts";
import { defineCommand } from "./installation/command.ts";
import { type AppView, createAppAdmin } from "./installation/github-app.ts";
import { addressesOf, addressesOfApi, type GitHubAddresses } from "./installation/github-addresses.ts";
import { contentOf, keyIn } from "./installation/key-file.ts";
import { createSecrets } from "./installation/secrets.ts";
import { requireStack, secretIds, type Stack, webhookUrl } from "./installation/stack.ts";
import { sentenceOf, Stop } from "./installation/stop.ts";
import { confirmed, type Terminal } from "./installation/terminal.ts";
import { convertManifest, type MadeApp } from "./setup/conversion.ts";
import { difference } from "./setup/difference.ts";
import { appManifest } from "./setup/manifest.ts";
import { openManifestPage } from "./setup/page.ts";
import { planText } from "./setup/plan.ts";
import { store, storedApp } from "./setup/stored.ts";

const USAGE = `npm run proa -- setup [options]

Creates the GitHub App in your browser, with exactly the permissions and events that Proa uses, and stores its key and its
webhook secret in the stack's two secrets. Prints what it will do and stops; --apply, or a yes at a terminal, does it.

  --org <name>             create the App for this organization (default: for your own account)
  --name <name>            the App's name on GitHub (default: made of the stack and the organization); GitHub lets you change it
  --public                 let other accounts install it too
  --github-url <url>       GitHub Enterprise Server's address (default: the GitHub of the stack's GitHubApiUrl)
  --replace                put another App in the place of the one that is stored
  --apply                  do it
${AWS_USAGE}

With an App that exists already:

  --app-id <number>  --private-key <file.pem>  [--webhook-secret <file>]
                           without a webhook secret a new one is made; either way GitHub's is set to it`;

const OPTIONS = {
  org: { type: "string" },
  name: { type: "string" },
  public: { type: "boolean", default: false },
  "github-url": { type: "string" },
  replace: { type: "boolean", default: false },
  apply: { type: "boolean", default: false },
  "app-id": { type: "string" },
  "private-key": { type: "string" },
  "webhook-secret": { type: "string" },
  ...AWS_OPTIONS,
} as const;

export const setup = defineCommand({ usage: USAGE, options: OPTIONS }, async ({ values }, terminal) => {
  const stackName = useAws(values);
  const given = givenApp(values);
  const stack = await requireStack(stackName);
  const hook = webhookUrl(stack);
  const asked = stack.parameters["GitHubApiUrl"] ?? "https://api.github.com";
  const named = values["github-url"];
  const github = named === undefined ? addressesOfApi(asked) : addressesOf(named);
  const secrets = createSecrets();
  const ids = secretIds(stack);
  const [app, webhook] = await Promise.all([secrets.read(ids.app), secrets.read(ids.webhook)]);
  const stored = storedApp(app, webhook);
  if (stored.kind !== "none" && !values.replace) {
    terminal.print(
      stored.kind === "app"
        ? `The stack ${stack.name} has its App already: ${stored.slug} (${stored.appId}).
npm run proa -- doctor looks whether it is well; --replace puts another in its place.`
        : `The stack ${stack.name} has half an App (${stored.appId}); it lacks ${stored.missing.join(", ")}.
Give the rest with --replace --app-id ${stored.appId} --private-key <file>: a new key is made on the App's page.`,
    );
    return stored.kind === "app" ? 0 : 1;
  }

  terminal.print(
    planText({
      stack,
      github,
      hook,
      app:
        given === null
          ? { kind: "create", owner: values.org ?? "your own account", public: values.public }
          : { kind: "existing", id: given.id },
      stored,
    }),
  );
  if (github.api !== asked)
    terminal.print(`The stack's functions ask ${asked}: npm run deploy -- --set GitHubApiUrl=${github.api}\n`);
  if (!(await confirmed(values.apply, terminal, given === null ? "Open the page that creates it?" : "Store it?")))
    return 0;

  const made =
    given === null
      ? await createInBrowser(
          {
            github,
            org: values.org ?? null,
            wish: {
              name: values.name ?? `${stack.name}-${values.org ?? randomBytes(3).toString("hex")}`.slice(0, 34),
              homepage: values.org === undefined ? github.html : `${github.html}/${values.org}`,
              webhookUrl: hook,
              public: values.public,
            },
          },
          terminal,
        )
      : await existing(given, github);
  return finish({ made, stack, hook, github }, terminal);
});

/** An App that exists, as its owner names it. */
interface Given {
  readonly id: number;
  readonly privateKey: Secret;
  readonly webhookSecret: Secret | null;
}

/** null: none was named, so one is made. Everything is checked before anything is asked of AWS. */
function givenApp(values: {
  "app-id"?: string | undefined;
  "private-key"?: string | undefined;
  "webhook-secret"?: string | undefined;
}): Given | null {
  const { "app-id": id, "private-key": keyFile, "webhook-secret": secretFile } = values;
  if (id === undefined && keyFile === undefined && secretFile === undefined) return null;
  if (id === undefined || keyFile === undefined)
    throw new Stop("an App that exists takes both --app-id and --private-key <file>");
  if (!/^[1-9][0-9]{0,14}$/.test(id)) throw new Stop(`--app-id is "${id}": write the number from the App's page`);
  const secret = secretFile === undefined ? null : contentOf(secretFile).trim();
  if (secret !== null && (secret.length < 16 || /[,\n]/.test(secret)))
    throw new Stop("the webhook secret has to have 16 characters or more, and no comma: openssl rand -hex 32");
  const privateKey = keyIn(keyFile);
  return { id: Number(id), privateKey, webhookSecret: secret === null ? null : new Secret(secret) };
}

interface Creation {
  readonly github: GitHubAddresses;
  readonly org: string | null;
  readonly wish: { readonly name: string; homepage: string; webhookUrl: string; public: boolean };
}

async function createInBrowser({ github, org, wish }: Creation, terminal: Terminal): Promise<MadeApp> {
  const settings = org === null ? "settings" : `organizations/${encodeURIComponent(org)}/settings`;
  const page = await openManifestPage({
    action: `${github.html}/${settings}/apps/new`,
    manifest: (redirectUrl) => appManifest({ ...wish, redirectUrl }),
  });
  try {
    terminal.print(`Open this page in a browser on this machine, and press its button:\n\n  ${page.url}\n`);
    return await convertManifest(github.api, await page.code);
  } finally {
    await page.close();
  }
}

async function existing({ id, privateKey, webhookSecret }: Given, github: GitHubAddresses): Promise<MadeApp> {
  const admin = createAppAdmin({ apiUrl: github.api, appId: id, privateKey });
  const { slug, htmlUrl } = await admin.app().catch((cause: unknown) => {
    throw new Stop(`GitHub does not take this key for the App ${id}: ${sentenceOf(cause)}`, { cause });
  });
  return { id, slug, htmlUrl, privateKey, webhookSecret };
}

interface Finish {
  readonly made: MadeApp;
  readonly stack: Stack;
  readonly hook: string;
  readonly github: GitHubAddresses;
}

/** The key of a new App exists nowhere but in this process: it is stored before anything else is asked of anybody. */
async function finish({ made, stack, hook, github }: Finish, terminal: Terminal): Promise<number> {
  const { id, slug, htmlUrl, privateKey } = made;
  const webhookSecret = made.webhookSecret ?? new Secret(randomBytes(32).toString("hex"));
  if (!(await store(secretIds(stack), { id, slug, privateKey, webhookSecret }, createSecrets(), terminal))) {
    terminal.print(`The App ${slug} exists, but its key is not stored. Make a new one under "Private keys" in its settings
(${htmlUrl}), then: npm run proa -- setup --replace --app-id ${id} --private-key <file>`);
    return 1;
  }
  terminal.print(`Stored: the App ${slug} (${id}).`);
  const admin = createAppAdmin({ apiUrl: github.api, appId: id, privateKey });
  try {
    // A manifest cannot say that deliveries shall be JSON.
    await admin.setHookConfig({ url: hook, secret: webhookSecret });
    sayDifference(await admin.app(), terminal);
  } catch (error) {
    terminal.print(`GitHub did not take the webhook's settings: ${sentenceOf(error)}
npm run proa -- rotate webhook-secret sets them again; npm run proa -- doctor says what else is missing.`);
    return 1;
  }
  terminal.print(`
Next:
  1. Install it on the repositories it shall deploy: ${htmlUrl}/installations/new
  2. npm run proa -- doctor
  3. Put a .proa.yml into a repository (docs/proa-yml.md), and open a pull request.`);
  return 0;
}

function sayDifference(app: AppView, terminal: Terminal): void {
  const { missingPermissions, missingEvents, extraPermissions } = difference(app);
  const page = `under "Permissions & events" of its settings (${app.htmlUrl})`;
  if (missingPermissions.length > 0)
    terminal.print(`It lacks the permissions ${missingPermissions.join(", ")}: add them ${page}.`);
  if (missingEvents.length > 0)
    terminal.print(`It is not sent the events ${missingEvents.join(", ")}: tick them ${page}.`);
  if (extraPermissions.length > 0)
    terminal.print(`It may do more than Proa needs (${extraPermissions.join(", ")}): take that away ${page}.`);
}
