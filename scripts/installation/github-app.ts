import { createAppCredentials } from "../../src/adapters/github-credentials.ts";
import type { Field } from "../../src/adapters/github-field.ts";
import { createGitHubHttp, createOctokit } from "../../src/adapters/github-http.ts";
import { type Delivery, parseDelivery } from "../../src/adapters/github-parse.ts";
import { systemClock } from "../../src/clock.ts";
import type { Secret } from "../../src/secret.ts";

/** The App as its owner sees it: what it may do, where its webhooks go, and how they fared. */
export interface AppAdmin {
  app(): Promise<AppView>;
  hookConfig(): Promise<HookConfig>;
  setHookConfig(change: Partial<Pick<HookConfig, "url">> & { readonly secret?: Secret }): Promise<void>;
  installations(): Promise<InstallationView[]>;
  /** Newest first, back to `since`. */
  deliveries(since: number): Promise<AttemptView[]>;
  redeliver(id: string): Promise<void>;
}

export interface AppView {
  readonly id: number;
  readonly slug: string;
  readonly htmlUrl: string;
  readonly owner: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly events: readonly string[];
}

export interface HookConfig {
  readonly url: string | null;
  readonly contentType: string | null;
  readonly verifiesTls: boolean;
  readonly hasSecret: boolean;
}

export interface InstallationView {
  readonly id: number;
  readonly account: string;
  readonly suspended: boolean;
  readonly permissions: Readonly<Record<string, string>>;
  readonly htmlUrl: string;
}

/** One attempt to deliver an event; a redelivery has the guid of the first. */
export interface AttemptView extends Delivery {
  readonly event: string;
  readonly redelivery: boolean;
  /** 0: no answer came. */
  readonly status: number;
}

export interface AppIdentity {
  readonly apiUrl: string;
  readonly appId: number;
  readonly privateKey: Secret;
}

export function createAppAdmin(identity: AppIdentity, clock = systemClock): AppAdmin {
  const octokit = createOctokit({ apiUrl: identity.apiUrl, userAgent: "proa", clock });
  const http = createGitHubHttp(octokit, createAppCredentials({ ...identity, clock }, octokit).app, clock);
  return {
    app: () => http.send("GET /app", {}, appView),
    hookConfig: () => http.send("GET /app/hook/config", {}, hookConfig),
    async setHookConfig({ secret, url }) {
      const change = {
        // `receive` takes nothing else, and GitHub's default is a form.
        content_type: "json",
        insecure_ssl: "0",
        ...(url === undefined || url === null ? {} : { url }),
        ...(secret === undefined ? {} : { secret: secret.reveal() }),
      };
      // As `data`: Octokit takes a parameter `url` for the address of the request, and would send the App's token there.
      await http.send("PATCH /app/hook/config", { data: change }, hookConfig);
    },
    async installations() {
      const found: InstallationView[] = [];
      for await (const page of http.pages("GET /app/installations", {}, installationPage)) found.push(...page);
      return found;
    },
    async deliveries(since) {
      const found: AttemptView[] = [];
      for await (const page of http.pages("GET /app/hook/deliveries", {}, attemptPage)) {
        found.push(...page.filter(({ deliveredAt }) => deliveredAt >= since));
        if (page.some(({ deliveredAt }) => deliveredAt < since)) break;
      }
      return found;
    },
    redeliver: (id) =>
      http.send("POST /app/hook/deliveries/{delivery_id}/attempts", { delivery_id: id }, () => undefined),
  };
}

const levels = (field: Field): Record<string, string> =>
  Object.fromEntries(
    Object.entries(field.value ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

/** An organization's App has a slug as its owner's name, a person's a login; an enterprise's has a slug. */
const ownerOf = (field: Field): string =>
  field.at("login").orNull((login) => login.string()) ?? field.at("slug").string();

function appView(reply: Field): AppView {
  return {
    id: reply.at("id").integer(),
    slug: reply.at("slug").string(),
    htmlUrl: reply.at("html_url").string(),
    owner: ownerOf(reply.at("owner")),
    permissions: levels(reply.at("permissions")),
    events: reply.at("events").list((event) => event.string()),
  };
}

function hookConfig(reply: Field): HookConfig {
  return {
    url: reply.at("url").orNull((url) => url.string()),
    contentType: reply.at("content_type").orNull((type) => type.string()),
    // "0" or 0: verified.
    verifiesTls: Number(reply.at("insecure_ssl").value ?? 0) === 0,
    hasSecret: reply.at("secret").orNull((secret) => secret.string()) !== null,
  };
}

const installationPage = (page: Field): InstallationView[] =>
  page.list((item) => ({
    id: item.at("id").integer(),
    account: item.at("account").orNull(ownerOf) ?? "unknown",
    suspended: item.at("suspended_at").orNull((at) => at.time()) !== null,
    permissions: levels(item.at("permissions")),
    htmlUrl: item.at("html_url").string(),
  }));

const attemptPage = (page: Field): AttemptView[] =>
  page.list((item) => ({
    ...parseDelivery(item),
    event: item.at("event").string(),
    redelivery: item.at("redelivery").boolean(),
    status: item.at("status_code").orNull((code) => code.integer()) ?? 0,
  }));
