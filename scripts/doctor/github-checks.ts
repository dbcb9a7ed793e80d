import { neverSucceeded } from "../../src/adapters/github-app.ts";
import type { AppView, AttemptView, HookConfig, InstallationView } from "../installation/github-app.ts";
import { difference, missingPermissions } from "../setup/difference.ts";
import { type Area, type Check, fail, ok, warn, whenKnown } from "./check.ts";
import type { GitHubFacts } from "./github-facts.ts";

export function githubChecks(facts: GitHubFacts): Area {
  const name = `The GitHub App ${facts.slug} (${facts.appId})`;
  const { app } = facts;
  if (app.kind === "unknown") {
    const refused = / 401 /.test(app.because);
    const what = refused ? "GitHub does not take the stored key" : "GitHub cannot be asked";
    const remedy = refused
      ? "npm run proa -- rotate app-key --private-key <file>"
      : "githubstatus.com; PROA_GITHUB_API_URL";
    return { name, checks: [fail(`${what}: ${app.because}`, remedy)] };
  }
  return {
    name,
    checks: [
      ...appChecks(facts, app.value),
      ...whenKnown(facts.hook, "The webhook's settings on GitHub", (hook) => hookChecks(hook, facts.hookUrl)),
      ...whenKnown(facts.installations, "The installations", (all) => installationChecks(all, app.value)),
      ...whenKnown(facts.deliveries, "The last deliveries", deliveryChecks),
    ],
  };
}

function appChecks({ slug }: GitHubFacts, app: AppView): Check[] {
  const found = difference(app);
  const page = `its settings, "Permissions & events" (${app.htmlUrl})`;
  const checks: Check[] = [];
  if (app.slug !== slug)
    checks.push(
      fail(
        `It is called ${app.slug} now; Proa knows its comments by ${slug}[bot]`,
        "put the new name into the app secret as PROA_GITHUB_APP_SLUG",
      ),
    );
  if (found.missingPermissions.length > 0)
    checks.push(fail(`It lacks the permissions ${found.missingPermissions.join(", ")}`, `add them in ${page}`));
  if (found.missingEvents.length > 0)
    checks.push(fail(`It is not sent the events ${found.missingEvents.join(", ")}`, `tick them in ${page}`));
  if (found.extraPermissions.length > 0)
    checks.push(
      warn(`It may do more than Proa needs: ${found.extraPermissions.join(", ")}`, `take that away in ${page}`),
    );
  return checks.length > 0 ? checks : [ok("GitHub takes its key; permissions and events are those that Proa uses")];
}

function hookChecks(hook: HookConfig, wanted: string | null): Check[] {
  const remedy = "npm run proa -- rotate webhook-secret sets address, content type and secret";
  const checks: Check[] = [];
  if (hook.url === null) checks.push(fail("GitHub has no address to deliver to", remedy));
  else if (wanted !== null && !sameUrl(hook.url, wanted))
    checks.push(fail(`GitHub delivers to ${hook.url}, and the stack listens at ${wanted}`, remedy));
  if (hook.contentType !== "json")
    checks.push(fail(`Deliveries come as ${hook.contentType ?? "a form"}, not as JSON`, remedy));
  if (!hook.hasSecret) checks.push(fail("GitHub signs nothing: the App has no webhook secret", remedy));
  if (!hook.verifiesTls) checks.push(warn("GitHub does not look at the webhook's certificate", remedy));
  return checks.length > 0 ? checks : [ok("Deliveries are signed JSON, and go to this stack")];
}

const sameUrl = (a: string, b: string): boolean => URL.parse(a)?.href === URL.parse(b)?.href;

function installationChecks(all: readonly InstallationView[], app: AppView): Check[] {
  if (all.length === 0) return [fail("It is installed nowhere", `${app.htmlUrl}/installations/new`)];
  return all.map((each) => {
    if (each.suspended)
      return warn(`It is suspended in ${each.account}: nothing happens there`, `unsuspend it at ${each.htmlUrl}`);
    const missing = missingPermissions(each.permissions);
    return missing.length === 0
      ? ok(`It is installed in ${each.account}`)
      : fail(`${each.account} has not accepted ${missing.join(", ")}`, `an owner accepts that at ${each.htmlUrl}`);
  });
}

function deliveryChecks(attempts: readonly AttemptView[]): Check[] {
  if (attempts.length === 0)
    return [warn("GitHub has delivered nothing for a day", "quiet repositories are one reason; a push would tell")];
  const lost = new Set(neverSucceeded(attempts).map(({ guid }) => guid));
  if (lost.size === 0) return [ok(`Of the last day's deliveries every one arrived (${attempts.length} attempts)`)];
  const byStatus = Map.groupBy(
    attempts.filter(({ guid }) => lost.has(guid)),
    ({ status }) => status,
  );
  const counts = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, { length }]) => `${length}× ${MEANING.get(status) ?? status}`);
  const recent = attempts[0] !== undefined && lost.has(attempts[0].guid);
  const what = `${lost.size} of the last day's deliveries did not arrive: ${counts.join(", ")}`;
  // The sweep asks for them again every ten minutes; a newest one that failed says that it still goes on.
  return [
    recent
      ? fail(what, "docs/runbooks/deliveries-failing.md")
      : warn(what, "the sweep asks for them again within ten minutes"),
  ];
}

const MEANING: ReadonlyMap<number, string> = new Map([
  [0, "no answer"],
  [401, "401, the secret on GitHub is not Proa's"],
  [503, "503, not set up"],
]);
