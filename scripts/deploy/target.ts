import { GetTemplateCommand } from "@aws-sdk/client-cloudformation";
import type { Parameter } from "@aws-sdk/client-cloudformation";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stack } from "../installation/stack.ts";
import { Stop } from "../installation/stop.ts";
import { type Package, packageFunctions } from "../package.ts";
import { type Artifacts, bundleKey } from "./artifacts.ts";
import { type Aws, unlessMissing } from "./aws.ts";
import { accessOf, codeParameters, isAccessParameter, versionOf } from "./derive.ts";
import type { Scope } from "./evaluate.ts";
import type { Leftovers } from "./leftovers.ts";
import { DEFAULT_FILE, type DeployOptions } from "./options.ts";
import { resolveParameters } from "./parameters.ts";
import { chooseRelease, isCodeParameter, keptReleases, presentRelease } from "./releases.ts";
import { settingsProblems } from "./settings.ts";
import { parseTemplate, type Template } from "./template.ts";
import { wrap } from "./text.ts";

const root = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** A release with the settings it will have: all that is needed to make a change set. */
export interface Target {
  readonly version: string;
  readonly scope: Scope;
  readonly parameters: readonly Parameter[];
  readonly bundles: readonly { readonly key: string; readonly zip: Uint8Array }[];
  /** The same with its bundles in this bucket. */
  in(artifacts: Artifacts): Promise<Target>;
}

/** What there is to deploy. */
export interface Source {
  /** The template's text. */
  readonly template: () => string;
  /** The functions' packages, for a processor as Node names it. */
  readonly build: (options: { readonly arch: string }) => Promise<readonly Package[]>;
  readonly version: () => string;
}

/** This checkout. */
export const CHECKOUT: Source = {
  template: () => readFileSync(join(root, "infra", "deployer.yaml"), "utf8"),
  build: packageFunctions,
  version: () => versionOf(root),
};

interface Sources {
  readonly aws: Aws;
  readonly options: DeployOptions;
  readonly present: Stack | null;
}

/** A new release, built from its source. */
export async function newRelease(
  sources: Sources & { readonly source: Source; readonly artifacts: Artifacts | null; readonly leftovers: Leftovers },
): Promise<Target> {
  const { aws, options, present, source, leftovers } = sources;
  const template = parseTemplate(source.template());
  const chosen = options.parameters["Architecture"] ?? present?.parameters["Architecture"];
  const architecture = chosen ?? template.parameters["Architecture"]?.Default;
  const packages = await source.build({ arch: architecture === "x86_64" ? "x64" : "arm64" });
  const running = present === null ? null : await bodyOf(aws, options.stack);
  const at = async (artifacts: Artifacts): Promise<Target> => {
    const code = codeParameters(options.stack, artifacts, packages);
    // A commit that changes neither code nor template is no other version: a repeat stays a no-op.
    const isSame =
      running === template.body && Object.entries(code).every(([name, key]) => present?.parameters[name] === key);
    const version = (isSame ? present?.parameters["Version"] : undefined) ?? source.version();
    const wanted = { ...leftovers.parameters, ...options.parameters };
    const bundles = packages.map((item) => ({ key: bundleKey(options.stack, item), zip: item.zip }));
    return { ...settle(sources, { template, wanted, code: { ...code, Version: version } }), version, bundles, in: at };
  };
  return at(sources.artifacts ?? { bucket: UNKNOWN_BUCKET, prefix: `${options.stack}/` });
}

/** Stands for the bucket until there is one: nothing is sent to CloudFormation with it. */
const UNKNOWN_BUCKET = "not-made-yet";

/** A release that ran before: its template, its code, and the settings of today. */
export async function releaseToReturnTo(
  sources: Sources & { readonly artifacts: Artifacts },
  { version }: { readonly version: string | null },
): Promise<Target> {
  const { aws, options, present, artifacts } = sources;
  const running = await presentRelease(aws, artifacts, options.stack);
  if (running === null) throw new Stop(`${options.stack} runs no release that is known here`);
  const release = chooseRelease(await keptReleases(aws, artifacts), running, version);
  await Promise.all(
    Object.entries(release.code).map(([name, key]) =>
      isThere(aws, release.code["CodeBucket"] ?? artifacts.bucket, name, key),
    ),
  );
  const template = parseTemplate(await readObject(aws, artifacts, release.templateKey));
  // Settings that came with a later version mean nothing to this one.
  const wanted = Object.fromEntries(
    Object.entries(options.parameters).filter(([name]) => template.parameters[name] !== undefined),
  );
  const settled = settle({ aws, options, present }, { template, wanted, code: release.code });
  const target: Target = { ...settled, version: release.version, bundles: [], in: async () => target };
  return target;
}

function settle(
  { aws, options, present }: Sources,
  {
    template,
    wanted,
    code,
  }: { template: Template; wanted: Readonly<Record<string, string | null>>; code: Readonly<Record<string, string>> },
): Pick<Target, "scope" | "parameters"> {
  const isDerived = (name: string): boolean => isCodeParameter(name) || isAccessParameter(name);
  const value = (name: string): string | undefined => wanted[name] ?? present?.parameters[name];
  const access = accessOf({ Clusters: value("Clusters"), Images: value("Images") }, aws);
  const derived = Object.fromEntries(
    Object.entries({ ...access.parameters, ...code }).filter(([name]) => template.parameters[name] !== undefined),
  );
  const resolved = resolveParameters({ template, wanted, present: present?.parameters ?? {}, derived, isDerived });
  const scope: Scope = { template, parameters: resolved.values, pseudo: pseudo(aws, options.stack) };
  const early = [...resolved.problems, ...access.problems];
  const problems = early.length > 0 ? early : settingsProblems(scope);
  if (problems.length > 0)
    throw new Stop(
      `\nNothing was changed. Say it with --set Name=value, or in ${options.file ?? DEFAULT_FILE}:\n` +
        problems.map((problem) => `- ${wrap(problem, 2).trimStart()}`).join("\n"),
    );
  return { scope, parameters: resolved.parameters };
}

const pseudo = ({ account, region, partition }: Aws, stack: string): Record<string, string> => ({
  "AWS::AccountId": account,
  "AWS::Region": region,
  "AWS::Partition": partition,
  "AWS::StackName": stack,
  "AWS::URLSuffix": partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com",
});

async function bodyOf({ cloudFormation }: Aws, stack: string): Promise<string> {
  const command = new GetTemplateCommand({ StackName: stack, TemplateStage: "Original" });
  return (await cloudFormation.send(command)).TemplateBody ?? "";
}

async function isThere({ s3, account }: Aws, bucket: string, parameter: string, key: string): Promise<void> {
  if (!isCodeParameter(parameter) || !parameter.endsWith("Code")) return;
  const asked = s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: account }));
  if ((await unlessMissing(asked, "NotFound")) === null)
    throw new Stop(`s3://${bucket}/${key} is gone: check out that version and deploy it instead`);
}

async function readObject({ s3, account }: Aws, { bucket }: Artifacts, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: account }));
  return (await Body?.transformToString()) ?? "";
}
