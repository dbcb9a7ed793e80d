import { PERMISSIONS } from "../../src/adapters/github-credentials.ts";

/**
 * The events that `src/core/event.ts` understands and that an App can ask for. `installation` and `installation_repositories`
 * arrive unasked, and a manifest that names them is refused.
 * https://docs.github.com/webhooks/webhook-events-and-payloads#installation
 */
export const EVENTS = [
  "check_run",
  "check_suite",
  "issue_comment",
  "merge_group",
  "pull_request",
  "push",
  "status",
] as const;

/**
 * What an App must hold to be sent these two, though no call of ours uses it: tokens are asked for without it. A manifest whose
 * permissions do not cover its events is refused ("Default events are not supported by permissions").
 * https://docs.github.com/webhooks/webhook-events-and-payloads#issue_comment, #merge_group
 */
const TO_BE_TOLD = { issues: "read", merge_queues: "read" } as const;

/** What the App asks of whoever installs it: what Proa's tokens are made for, and what it takes to be told. */
export const APP_PERMISSIONS = { ...PERMISSIONS, ...TO_BE_TOLD } as const;

export interface AppWish {
  /** GitHub lets the person change it; at most 34 characters, unique in all of GitHub. */
  readonly name: string;
  readonly homepage: string;
  readonly webhookUrl: string;
  /** Where GitHub sends the browser with the code. */
  readonly redirectUrl: string;
  /** Whether accounts other than the App's owner may install it. */
  readonly public: boolean;
}

/** https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest#github-app-manifest-parameters */
export function appManifest({ name, homepage, webhookUrl, redirectUrl, public: isPublic }: AppWish) {
  return {
    name,
    url: homepage,
    description: "From pull request to production on Kubernetes.",
    public: isPublic,
    redirect_url: redirectUrl,
    hook_attributes: { url: webhookUrl, active: true },
    default_permissions: APP_PERMISSIONS,
    default_events: EVENTS,
  };
}
