import type { Millis } from "../core/names.ts";
import type { GitHub, GitHubApp } from "./github.ts";
import { createGitHubClient } from "./github-client.ts";
import { createAppCredentials } from "./github-credentials.ts";
import type { Field } from "./github-field.ts";
import { type ConnectionOptions, createGitHubHttp, createOctokit, type GitHubHttp } from "./github-http.ts";
import { type Delivery, parseDelivery, parseRepository } from "./github-parse.ts";
import { all } from "./github-reads.ts";
import { nothing } from "./github-search.ts";

export interface GitHubAppOptions extends ConnectionOptions {
  readonly appId: number;
  /** The name in the App's URL; its comments are signed `<slug>[bot]`. */
  readonly appSlug: string;
  readonly privateKey: { reveal(): string };
}

/** The App on GitHub. Clients and tokens of installations are kept for the life of the process, and only there. */
export function createGitHubApp(options: GitHubAppOptions): GitHubApp {
  const octokit = createOctokit(options);
  const credentials = createAppCredentials(options, octokit);
  const asApp = createGitHubHttp(octokit, credentials.app, options.clock);
  const identity = { id: options.appId, slug: options.appSlug };
  const installations = new Map<number, { http: GitHubHttp; client: GitHub }>();

  function installation(id: number): { http: GitHubHttp; client: GitHub } {
    const known = installations.get(id);
    if (known !== undefined) return known;
    const http = createGitHubHttp(octokit, credentials.installation(id), options.clock);
    const fresh = { http, client: createGitHubClient(http, identity) };
    installations.set(id, fresh);
    return fresh;
  }

  return {
    installation: (id) => installation(id).client,
    installations: () => all(asApp.pages("GET /app/installations", {}, installationList)),
    repositoriesOf: (id) => all(installation(id).http.pages("GET /installation/repositories", {}, repositoryList)),
    failedDeliveries: async (since) => neverSucceeded(await deliveriesSince(asApp, since)),
    redeliver: (id) => asApp.send("POST /app/hook/deliveries/{delivery_id}/attempts", { delivery_id: id }, nothing),
  };
}

const installationList = (page: Field) =>
  page.list((item) => ({
    id: item.at("id").integer(),
    suspended: item.at("suspended_at").orNull((at) => at.time()) !== null,
  }));

const repositoryList = (page: Field) => page.at("repositories").list(parseRepository);

const deliveryList = (page: Field) => page.list(parseDelivery);

/** Newest first, as GitHub lists them; a cursor in the Link header leads on. */
async function deliveriesSince(http: GitHubHttp, since: Millis): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for await (const page of http.pages("GET /app/hook/deliveries", {}, deliveryList)) {
    deliveries.push(...page.filter((delivery) => delivery.deliveredAt >= since));
    if (page.some((delivery) => delivery.deliveredAt < since)) break;
  }
  return deliveries;
}

/** A redelivery keeps the guid: one success among its attempts is enough. */
export function neverSucceeded(deliveries: readonly Delivery[]): { id: string; guid: string; deliveredAt: Millis }[] {
  const byGuid = Map.groupBy(deliveries, (delivery) => delivery.guid);
  return [...byGuid.values()]
    .filter((attempts) => !attempts.some((attempt) => attempt.ok))
    .map((attempts) =>
      attempts.reduce((newest, attempt) => (attempt.deliveredAt > newest.deliveredAt ? attempt : newest)),
    )
    .toSorted((a, b) => b.deliveredAt - a.deliveredAt)
    .map(({ id, guid, deliveredAt }) => ({ id, guid, deliveredAt }));
}
