import { Field } from "../../src/adapters/github-field.ts";
import { createOctokit } from "../../src/adapters/github-http.ts";
import { failureOf } from "../../src/adapters/github-problem.ts";
import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/secret.ts";
import { Stop } from "../installation/stop.ts";

/** What GitHub shows once: nobody can ask for this key again. */
export interface MadeApp {
  readonly id: number;
  readonly slug: string;
  readonly htmlUrl: string;
  readonly privateKey: Secret;
  /** null: GitHub made none. */
  readonly webhookSecret: Secret | null;
}

/** Trades the manifest's code for the App. Works once. https://docs.github.com/rest/apps/apps#create-a-github-app-from-a-manifest */
export async function convertManifest(apiUrl: string, code: string): Promise<MadeApp> {
  const octokit = createOctokit({ apiUrl, userAgent: "proa", clock: systemClock, timeoutMs: 30_000 });
  try {
    const { data } = await octokit.request("POST /app-manifests/{code}/conversions", { code });
    return madeApp(new Field(data, "POST /app-manifests/{code}/conversions"));
  } catch (error) {
    const failure = failureOf(error);
    if (failure?.kind === "answer" && failure.status === 404)
      throw new Stop("GitHub does not know this code: it works once and for an hour. Run npm run proa -- setup again", {
        cause: error,
      });
    throw error;
  }
}

function madeApp(reply: Field): MadeApp {
  return {
    id: reply.at("id").integer(),
    slug: reply.at("slug").string(),
    htmlUrl: reply.at("html_url").string(),
    privateKey: new Secret(reply.at("pem").string()),
    webhookSecret: reply.at("webhook_secret").orNull((secret) => new Secret(secret.string())),
  };
}
