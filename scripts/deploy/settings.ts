import { SettingsError, type Reader } from "../../src/settings-read.ts";
import { tickSettings, webhookSettings } from "../../src/settings-webhook.ts";
import { deployerSettings, reporterSettings, sweeperSettings } from "../../src/settings.ts";
import { evaluate, exists, type Scope } from "./evaluate.ts";

/** Each function's own reader, by the end of its name. */
const READERS: Readonly<Record<string, Reader<unknown>>> = {
  webhook: webhookSettings,
  deployer: deployerSettings,
  reporter: reporterSettings,
  tick: tickSettings,
  sweeper: sweeperSettings,
};

/** What `proa setup` puts into the secrets: not there yet at a first deploy. */
const FROM_SECRETS = ["PROA_GITHUB_APP_ID", "PROA_GITHUB_APP_SLUG", "PROA_GITHUB_PRIVATE_KEY", "PROA_WEBHOOK_SECRETS"];

/** Of all variables together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MOST_BYTES = 4096;

/** What the functions would refuse to start with, asked before they are deployed: their own readers read what they will be given. */
export function settingsProblems(scope: Scope): string[] {
  const problems = Object.values(scope.template.resources).flatMap(({ Type, Condition, Properties = {} }) => {
    if (Type !== "AWS::Lambda::Function" || !exists(Condition, scope)) return [];
    const name = String(evaluate(Properties["FunctionName"], scope)).split("-").at(-1) ?? "";
    const { Variables = {} } = (Properties["Environment"] ?? {}) as { Variables?: Readonly<Record<string, unknown>> };
    return READERS[name] === undefined ? [] : mistakes(READERS[name], Variables, scope);
  });
  return [...new Set(problems)];
}

function mistakes(read: Reader<unknown>, variables: Readonly<Record<string, unknown>>, scope: Scope): string[] {
  const values = Object.entries(variables).map(
    ([variable, value]) => [variable, String(evaluate(value, scope))] as const,
  );
  const bytes = Buffer.byteLength(JSON.stringify(Object.fromEntries(values)));
  if (bytes > MOST_BYTES)
    return [
      `the settings of a function come to ${bytes} bytes and Lambda takes ${MOST_BYTES}: shorten Images or Clusters`,
    ];
  try {
    read(Object.fromEntries(values));
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const own = error.mistakes.filter(({ variable }) => !FROM_SECRETS.includes(variable));
    return own.map(
      ({ variable, wrong, remedy }) => `${parameterOf(variables[variable]) ?? variable} ${wrong}: ${remedy}`,
    );
  }
}

/** The parameter that a variable repeats; null where it is made of several. */
function parameterOf(value: unknown): string | null {
  const { Ref = null } = (typeof value === "object" && value !== null ? value : {}) as { readonly Ref?: unknown };
  return typeof Ref === "string" ? Ref : null;
}
