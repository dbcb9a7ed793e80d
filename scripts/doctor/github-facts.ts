import type { AppAdmin, AppView, AttemptView, HookConfig, InstallationView } from "../installation/github-app.ts";
import { type Known, known } from "./check.ts";

export interface GitHubFacts {
  readonly appId: number;
  readonly slug: string;
  /** Where its webhooks should go; null: nobody here knows. */
  readonly hookUrl: string | null;
  readonly now: number;
  readonly app: Known<AppView>;
  readonly hook: Known<HookConfig>;
  readonly installations: Known<readonly InstallationView[]>;
  /** Of the last day, newest first. */
  readonly deliveries: Known<readonly AttemptView[]>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export interface GitHubLook {
  readonly admin: AppAdmin;
  readonly appId: number;
  readonly slug: string;
  readonly hookUrl: string | null;
  readonly now: number;
}

export async function githubFacts({ admin, appId, slug, hookUrl, now }: GitHubLook): Promise<GitHubFacts> {
  const [app, hook, installations, deliveries] = await Promise.all([
    known(() => admin.app()),
    known(() => admin.hookConfig()),
    known(() => admin.installations()),
    known(() => admin.deliveries(now - DAY_MS)),
  ]);
  return { appId, slug, hookUrl, now, app, hook, installations, deliveries };
}
