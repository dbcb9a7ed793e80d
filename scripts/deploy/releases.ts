import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type _Object,
} from "@aws-sdk/client-s3";
import { GetTemplateCommand } from "@aws-sdk/client-cloudformation";
import { describeStack } from "../installation/stack.ts";
import { Stop } from "../installation/stop.ts";
import { type Artifacts, uploadTemplate } from "./artifacts.ts";
import type { Aws } from "./aws.ts";

/** A version of Proa that ran: its template and its code, all still in the bucket. Settings are not part of it. */
export interface Release {
  readonly version: string;
  readonly templateKey: string;
  /** The parameters that name code: `Version`, `CodeBucket`, `WebhookCode`, … */
  readonly code: Readonly<Record<string, string>>;
}

const KEPT = 10;
const DAY_MS = 86_400_000;

/** Whether a parameter says which code runs, and not how. */
export const isCodeParameter = (name: string): boolean => /^(Version|CodeBucket|\w+Code)$/.test(name);

/** What the stack runs now; read from the stack, so that it is true whoever deployed it and however that ended. */
export async function presentRelease(aws: Aws, artifacts: Artifacts, stack: string): Promise<Release | null> {
  const present = await describeStack(stack, aws.cloudFormation);
  if (present?.parameters["Version"] === undefined) return null;
  const { TemplateBody = "" } = await aws.cloudFormation.send(
    new GetTemplateCommand({ StackName: stack, TemplateStage: "Original" }),
  );
  const code = Object.entries(present.parameters).filter(([name]) => isCodeParameter(name));
  return {
    version: present.parameters["Version"],
    templateKey: await uploadTemplate(aws, artifacts, TemplateBody),
    code: Object.fromEntries(code),
  };
}

/** Written before the release is replaced: whatever happens then, it can be gone back to. */
export async function keep(aws: Aws, { bucket, prefix }: Artifacts, release: Release, now: Date): Promise<void> {
  const key = `${prefix}releases/${now.toISOString()}.json`;
  await aws.s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      ExpectedBucketOwner: aws.account,
      ContentType: "application/json",
      Body: JSON.stringify(release, null, 2),
    }),
  );
}

/** Newest first, each once. */
export async function keptReleases(aws: Aws, artifacts: Artifacts): Promise<Release[]> {
  const records = (await list(aws, artifacts)).filter(({ Key = "" }) => isRecord(artifacts, Key));
  const newest = records
    .map(({ Key = "" }) => Key)
    .sort()
    .reverse();
  const releases = await Promise.all(newest.slice(0, KEPT).map((key) => readRelease(aws, artifacts, key)));
  return releases.filter((release, i) => releases.findIndex((other) => isSame(release, other)) === i);
}

export const isSame = (a: Release, b: Release): boolean =>
  a.templateKey === b.templateKey &&
  Object.keys({ ...a.code, ...b.code }).every((name) => name === "Version" || a.code[name] === b.code[name]);

/** The one that was asked for, or the newest that is not what runs. */
export function chooseRelease(kept: readonly Release[], present: Release, version: string | null): Release {
  const others = kept.filter((release) => !isSame(release, present));
  const chosen = version === null ? others[0] : others.find((release) => release.version === version);
  if (chosen !== undefined) return chosen;
  const known =
    others.length === 0
      ? "no earlier release is kept"
      : `kept are ${others.map((release) => release.version).join(", ")}`;
  throw new Stop(
    `${version === null ? "there is nothing to go back to" : `there is no release ${version} to go back to`}: ${known}`,
  );
}

/**
 * Deletes what no kept release and nothing that runs names. What is younger than a day stays: it may belong to a deploy that is
 * only now on its way.
 */
export async function prune(aws: Aws, artifacts: Artifacts, present: Release, now: Date): Promise<void> {
  const kept = await keptReleases(aws, artifacts);
  const named = new Set([present, ...kept].flatMap(({ templateKey, code }) => [templateKey, ...Object.values(code)]));
  const keys = superfluous(await list(aws, artifacts), { artifacts, named, now });
  if (keys.length === 0) return;
  await aws.s3.send(
    new DeleteObjectsCommand({
      Bucket: artifacts.bucket,
      ExpectedBucketOwner: aws.account,
      // A request takes 1,000; the rest goes with the next deploy.
      Delete: { Objects: keys.slice(0, 1_000).map((Key) => ({ Key })), Quiet: true },
    }),
  );
}

/** Keys that nothing names and that are old enough; of the records themselves the newest stay. */
export function superfluous(
  all: readonly _Object[],
  { artifacts, named, now }: { readonly artifacts: Artifacts; readonly named: ReadonlySet<string>; readonly now: Date },
): string[] {
  const records = all.map(({ Key = "" }) => Key).filter((key) => isRecord(artifacts, key));
  const keptRecords = records.sort().reverse().slice(0, KEPT);
  const old = all.filter(({ LastModified = now }) => now.getTime() - LastModified.getTime() > DAY_MS);
  return old.map(({ Key = "" }) => Key).filter((key) => !named.has(key) && !keptRecords.includes(key));
}

const isRecord = ({ prefix }: Artifacts, key: string): boolean => key.startsWith(`${prefix}releases/`);

async function list({ s3, account }: Aws, { bucket, prefix }: Artifacts): Promise<_Object[]> {
  const found: _Object[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ContinuationToken: token,
        ExpectedBucketOwner: account,
      }),
    );
    found.push(...(page.Contents ?? []));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found;
}

async function readRelease({ s3, account }: Aws, { bucket }: Artifacts, key: string): Promise<Release> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: account }));
  const value: unknown = JSON.parse((await Body?.transformToString()) ?? "null");
  const { version, templateKey, code } = (value ?? {}) as Partial<Release>;
  if (typeof version !== "string" || typeof templateKey !== "string" || typeof code !== "object" || code === null)
    throw new Stop(`s3://${bucket}/${key} is not a release's record: delete it, and run this again`);
  return { version, templateKey, code };
}
