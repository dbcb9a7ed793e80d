import { parseArgs } from "node:util";
import { stackName } from "../deploy/options.ts";

export interface UninstallOptions {
  readonly stack: string;
  readonly region: string | null;
  readonly profile: string | null;
  readonly apply: boolean;
  /** The table as well. */
  readonly deleteData: boolean;
  /** The secrets for good, and not only after a month. */
  readonly forget: boolean;
  /** Without waiting for what is on its way. */
  readonly now: boolean;
}

export const USAGE = `npm run proa -- uninstall [--apply] [options]

Removes Proa from this account and region. Prints what goes and what stays, and
stops; --apply (or a yes at a terminal) does it. Run it again if it was interrupted.

  --apply              do it
  --stack <name>       the stack (default: proa)
  --region, --profile  as the AWS command line takes them
  --delete-data        delete the table too: all that Proa remembers
  --forget             delete the secrets at once; otherwise they can be had back
                       for 30 days
  --now                do not wait for deploys that are on their way

Without --delete-data and --forget the next \`npm run deploy\` of the same name takes
the table and the secrets over and goes on where this install stopped.`;

/** null: only help was asked for. */
export function parseOptions(args: readonly string[]): UninstallOptions | null {
  const { values } = parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false });
  if (values.help === true) return null;
  return {
    stack: stackName(values.stack ?? "proa"),
    region: values.region ?? null,
    profile: values.profile ?? null,
    apply: values.apply === true,
    deleteData: values["delete-data"] === true,
    forget: values.forget === true,
    now: values.now === true,
  };
}

const FLAGS = {
  apply: { type: "boolean" },
  stack: { type: "string" },
  region: { type: "string" },
  profile: { type: "string" },
  "delete-data": { type: "boolean" },
  forget: { type: "boolean" },
  now: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
