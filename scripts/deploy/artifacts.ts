import { HeadObjectCommand, NotFound, PutObjectCommand } from "@aws-sdk/client-s3";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describeStack } from "../installation/stack.ts";
import { Stop } from "../installation/stop.ts";
import type { Package } from "../package.ts";
import type { Aws } from "./aws.ts";
import { changeStack } from "./change-set.ts";
import { standingOf } from "./state.ts";
import { parseTemplate } from "./template.ts";

/** Where bundles and templates are kept. The owner goes along with every call: a bucket of somebody else's is refused. */
export interface Artifacts {
  readonly bucket: string;
  /** Everything of this stack begins with it; the bucket may have other uses. */
  readonly prefix: string;
}

export const artifactsStack = (stack: string): string => `${stack}-artifacts`;
export const bundleKey = (stack: string, { name, sha256 }: Package): string => `${stack}/${name}-${sha256}.zip`;

/** The bucket that an earlier deploy made; null before the first. */
export async function findArtifacts(aws: Aws, stack: string): Promise<Artifacts | null> {
  const found = await describeStack(artifactsStack(stack), aws.cloudFormation);
  const bucket = standingOf(found?.status ?? null).kind === "ready" ? found?.outputs["Bucket"] : undefined;
  return bucket === undefined ? null : { bucket, prefix: `${stack}/` };
}

/** Makes the bucket, or brings it up to this checkout's template. */
export async function ensureArtifacts(
  aws: Aws,
  { stack, tags, print }: { stack: string; tags: Readonly<Record<string, string>>; print: (line: string) => void },
): Promise<Artifacts> {
  const template = parseTemplate(readFileSync(new URL("../../infra/artifacts.yaml", import.meta.url), "utf8"));
  await changeStack(aws, {
    stack: artifactsStack(stack),
    template: { kind: "body", body: template.body },
    parameters: [{ ParameterKey: "Stack", ParameterValue: stack }],
    tags,
    print,
  });
  const made = await findArtifacts(aws, stack);
  if (made === null)
    throw new Stop(`the stack ${artifactsStack(stack)} has no bucket: look at it in the CloudFormation console`);
  return made;
}

/** Whether it had to be sent. What is there under its content's hash is what would be sent. */
export async function upload(
  aws: Aws,
  { bucket }: Artifacts,
  key: string,
  body: Uint8Array | string,
): Promise<boolean> {
  const object = { Bucket: bucket, Key: key, ExpectedBucketOwner: aws.account };
  try {
    await aws.s3.send(new HeadObjectCommand(object));
    return false;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
  const checksum = createHash("sha256").update(body).digest("base64");
  await aws.s3.send(new PutObjectCommand({ ...object, Body: body, ChecksumSHA256: checksum }));
  return true;
}

/** CloudFormation takes a template of more than 51,200 bytes from a bucket only, by an address of the form it knows. */
export async function uploadTemplate(aws: Aws, artifacts: Artifacts, body: string): Promise<string> {
  const key = `${artifacts.prefix}template-${createHash("sha256").update(body).digest("hex")}.json`;
  await upload(aws, artifacts, key, body);
  return key;
}

export function templateUrl({ partition, region }: Aws, { bucket }: Artifacts, key: string): string {
  const suffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  return `https://s3.${region}.${suffix}/${bucket}/${key}`;
}
