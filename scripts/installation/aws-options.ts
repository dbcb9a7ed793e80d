import { existsSync } from "node:fs";
import { DEFAULT_FILE, readOptionsFile } from "../deploy/options.ts";

/** The options of every command that speaks to AWS. */
export const AWS_OPTIONS = {
  stack: { type: "string" },
  region: { type: "string" },
  profile: { type: "string" },
} as const;

export const AWS_USAGE = `  --stack <name>           the stack that npm run deploy made (default: proa)
  --region, --profile      where and as whom (default: AWS_REGION and AWS_PROFILE)
                           All three stand in ${DEFAULT_FILE} as well.`;

export interface AwsChoice {
  readonly stack?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
}

/**
 * Answers the stack's name. Region and profile go where every client of this process finds them: the SDK's, and those of the
 * functions' own code, which take no options.
 */
export function useAws({ stack, region, profile }: AwsChoice): string {
  const file = existsSync(DEFAULT_FILE) ? readOptionsFile(DEFAULT_FILE) : null;
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const where = region ?? (file?.region || AWS_REGION || AWS_DEFAULT_REGION);
  const who = profile ?? file?.profile;
  if (where) process.env["AWS_REGION"] = where;
  if (who) process.env["AWS_PROFILE"] = who;
  return stack ?? file?.stack ?? "proa";
}
