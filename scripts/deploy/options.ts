import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { Stop } from "../installation/stop.ts";

/** What is deployed, from the command line and the file; flags win. */
export interface DeployOptions {
  readonly stack: string;
  readonly region: string | null;
  readonly profile: string | null;
  /** A bucket of one's own for the bundles; null: the deploy keeps one. */
  readonly bucket: string | null;
  readonly parameters: Readonly<Record<string, string | null>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly apply: boolean;
  /** Back to an earlier release; `version` null: the one before. */
  readonly rollback: { readonly version: string | null } | null;
  readonly replaceData: boolean;
  /** Which file said so; null: there is none. */
  readonly file: string | null;
}

export const DEFAULT_FILE = "proa.deploy.yaml";

export const USAGE = `npm run deploy -- [--apply] [options]

Creates Proa's stack, or brings it up to this checkout. Prints what would change and
stops; --apply (or a yes at a terminal) does it. Run it again at any time.

  --apply              do it
  --set Name=value     a parameter of the stack; Name= sets it to nothing (repeatable)
  --file <path>        parameters and the options below (default: ${DEFAULT_FILE})
  --stack <name>       the stack (default: proa)
  --region, --profile  as the AWS command line takes them
  --bucket <name>      keep bundles in this bucket (default: one of the deploy's own)
  --rollback           back to the release before this one
  --to <version>       with --rollback: to this one
  --replace-data       allow what loses data: replacing or removing the table, a secret
                       or a queue

Parameters keep the value they have until told otherwise; \`Name:\` (nothing) in the file
goes back to the default. ${DEFAULT_FILE}:

  region: eu-west-1
  parameters:
    Clusters: default=eks:apps
    Images: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/**
  tags: {team: platform}`;

/** null: only help was asked for. */
export function parseOptions(args: readonly string[]): DeployOptions | null {
  const { values } = parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false });
  if (values.help === true) return null;
  const path = values.file ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null);
  const file = path === null ? EMPTY : readOptionsFile(path);
  if (values.to !== undefined && values.rollback !== true) throw new Stop("--to goes with --rollback");
  return {
    stack: stackName(values.stack ?? file.stack ?? "proa"),
    region: values.region ?? file.region,
    profile: values.profile ?? file.profile,
    bucket: values.bucket ?? file.bucket,
    parameters: { ...file.parameters, ...Object.fromEntries((values.set ?? []).map(assignment)) },
    tags: file.tags,
    apply: values.apply === true,
    rollback: values.rollback === true ? { version: values.to ?? null } : null,
    replaceData: values["replace-data"] === true,
    file: path,
  };
}

/** Names of functions, queues and roles begin with it, and have 64 characters at most. */
export function stackName(name: string): string {
  if (/^[a-z][a-z0-9-]{0,29}$/.test(name)) return name;
  throw new Stop(
    `the stack's name is "${name}": use at most 30 lower-case letters, digits and hyphens, a letter first`,
  );
}

const FLAGS = {
  apply: { type: "boolean" },
  set: { type: "string", multiple: true },
  file: { type: "string" },
  stack: { type: "string" },
  region: { type: "string" },
  profile: { type: "string" },
  bucket: { type: "string" },
  rollback: { type: "boolean" },
  to: { type: "string" },
  "replace-data": { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function assignment(text: string): [string, string] {
  const [, name, value] = /^([A-Za-z0-9]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new Stop(`--set "${text}" is not Name=value`);
  return [name, value];
}

interface OptionsFile {
  readonly stack: string | null;
  readonly region: string | null;
  readonly profile: string | null;
  readonly bucket: string | null;
  readonly parameters: Readonly<Record<string, string | null>>;
  readonly tags: Readonly<Record<string, string>>;
}
const EMPTY: OptionsFile = { stack: null, region: null, profile: null, bucket: null, parameters: {}, tags: {} };

export function readOptionsFile(path: string): OptionsFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Stop(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return parseOptionsFile(text, path);
}

export function parseOptionsFile(text: string, path: string): OptionsFile {
  const wrong = (what: string): never => {
    throw new Stop(`${path}: ${what}`);
  };
  const document = toObject(parseYaml(text, wrong), "the file", wrong);
  const { parameters, tags, ...rest } = document;
  const unknown = Object.keys(rest).find((key) => !["stack", "region", "profile", "bucket"].includes(key));
  if (unknown !== undefined)
    return wrong(`"${unknown}" is not known: there are stack, region, profile, bucket, parameters, tags`);
  const string = (key: string): string | null => {
    const value = rest[key] ?? null;
    return value === null || typeof value === "string" ? value : wrong(`${key} is a text`);
  };
  const parameter = (name: string, value: unknown): string | null => {
    if (value === null) return null;
    if (Array.isArray(value)) return value.map((item) => parameter(name, item) ?? "").join(",");
    return typeof value === "string" ? value : wrong(`${name} is a text, a number or a list`);
  };
  return {
    stack: string("stack"),
    region: string("region"),
    profile: string("profile"),
    bucket: string("bucket"),
    parameters: mapValues(toObject(parameters, "parameters", wrong), parameter),
    tags: mapValues(toObject(tags, "tags", wrong), (key, value) => parameter(key, value) ?? ""),
  };
}

function parseYaml(text: string, wrong: (what: string) => never): unknown {
  try {
    // Everything is a text, as CloudFormation takes it: an account with a leading zero stays whole. Nothing stays nothing.
    return parse(text, { schema: "failsafe", customTags: ["null"] });
  } catch (cause) {
    return wrong((cause as Error).message.trim());
  }
}

function toObject(value: unknown, what: string, wrong: (what: string) => never): Record<string, unknown> {
  if (value === undefined || value === null || value === "") return {};
  return typeof value === "object" && !Array.isArray(value) ? { ...value } : wrong(`${what} holds Name: value pairs`);
}

const mapValues = <T>(object: Record<string, unknown>, map: (key: string, value: unknown) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(key, value)]));
