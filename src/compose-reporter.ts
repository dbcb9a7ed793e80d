import { createGitHubApp } from "./adapters/github-app.ts";
import { createOutbox } from "./adapters/outbox.ts";
import type { Backing } from "./backing.ts";
import type { Host } from "./host.ts";
import type { ReportEffects } from "./report.ts";
import type { Settings } from "./settings.ts";

/** The part of the settings that one function was given. */
export type Needs<K extends keyof Settings> = Pick<Settings, K>;

/** Apart from the deployer's, so that the reporter's bundle holds no cluster's and no registry's client. */
export function composeReporter(settings: Needs<"github">, host: Host, { table, queue }: Backing): ReportEffects {
  return { ...host, outbox: createOutbox(table), queue, github: composeGitHub(settings, host) };
}

/** The App as every function that talks to GitHub uses it. */
export const composeGitHub = ({ github }: Needs<"github">, { clock }: Host) =>
  createGitHubApp({ ...github, clock, userAgent: "proa" });
